// SPDX-License-Identifier: Apache-2.0
// @tufjs/models as a publisher: node tuf_js_make.js MODULES FOLDER writes a repository with keys of
// every type, thresholds, a delegation and consistent snapshots, in two versions of the root.
// `node tuf_js_make.js MODULES FOLDER mock` writes what @tufjs/repo-mock makes.
const [modules, folder, mock] = process.argv.slice(2);
const { createRequire } = require('module');
const load = createRequire(modules + '/x.js');
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const models = load('@tufjs/models');
const { canonicalize } = load('@tufjs/canonical-json');

const TYPES = {
  ed25519: { scheme: 'ed25519', make: ['ed25519', {}], options: {} },
  ecdsa: { scheme: 'ecdsa-sha2-nistp256', make: ['ec', { namedCurve: 'P-256' }], options: {} },
  rsa: {
    scheme: 'rsassa-pss-sha256',
    make: ['rsa', { modulusLength: 2048 }],
    options: { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
  },
};

function write(name, content) {
  const file = path.join(folder, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, content);
}

function makeKey(type) {
  const { scheme, make, options } = TYPES[type];
  const { publicKey, privateKey } = crypto.generateKeyPairSync(...make);
  const text =
    type === 'ed25519'
      ? publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex')
      : publicKey.export({ format: 'pem', type: 'spki' }).toString();
  const object = { keytype: type, scheme, keyval: { public: text } };
  const keyID = crypto.createHash('sha256').update(canonicalize(object)).digest('hex');
  const digest = type === 'ed25519' ? undefined : 'sha256';
  return {
    key: models.Key.fromJSON(keyID, object),
    sign: (data) => {
      const sig = crypto.sign(digest, data, { key: privateKey, ...options }).toString('hex');
      return new models.Signature({ keyID, sig });
    },
  };
}

const expires = () => new Date(Date.now() + 30 * 86400e3).toISOString().replace(/\.\d+Z/, 'Z');
const common = (version) => ({ version, specVersion: '1.0.31', expires: expires() });

function publish(name, signed, keys) {
  const metadata = new models.Metadata(signed);
  keys.forEach((key) => metadata.sign(key.sign, true));
  write('metadata/' + name, JSON.stringify(metadata.toJSON()));
}

function addTarget(role, name, content) {
  const hash = crypto.createHash('sha256').update(content).digest('hex');
  const file = { length: content.length, hashes: { sha256: hash }, path: name };
  role.addTarget(new models.TargetFile(file));
  const { dir, base } = path.posix.parse(name);
  write(path.posix.join('targets', dir, hash + '.' + base), content);
}

function make() {
  const keys = ['ed25519', 'ecdsa', 'rsa'].map(makeKey);
  const online = makeKey('ecdsa');
  const team = makeKey('ed25519');
  const root = new models.Root({ ...common(1), consistentSnapshot: true });
  keys.forEach(({ key }) => ['root', 'targets'].forEach((role) => root.addKey(key, role)));
  ['snapshot', 'timestamp'].forEach((role) => root.addKey(online.key, role));
  root.roles.root.threshold = 2;
  root.roles.targets.threshold = 3;
  publish('1.root.json', root, keys);
  root.version = 2;
  publish('2.root.json', root, keys.slice(1));

  const delegated = {
    name: 'team/é #1', keyids: [team.key.keyID], threshold: 1, terminating: false,
    paths: ['team/*'],
  };
  const targets = models.Targets.fromJSON({
    ...new models.Targets(common(3)).toJSON(),
    delegations: { keys: { [team.key.keyID]: team.key.toJSON() }, roles: [delegated] },
  });
  addTarget(targets, 'dir/a file', 'of the publisher');
  publish('3.targets.json', targets, keys);
  const ofTeam = new models.Targets(common(7));
  addTarget(ofTeam, 'team/file', 'of the team');
  publish('7.team%2F%C3%A9%20%231.json', ofTeam, [team]);

  const meta = { 'targets.json': new models.MetaFile({ version: 3 }) };
  meta[delegated.name + '.json'] = new models.MetaFile({ version: 7 });
  publish('5.snapshot.json', new models.Snapshot({ ...common(5), meta }), [online]);
  const snapshotMeta = new models.MetaFile({ version: 5 });
  publish('timestamp.json', new models.Timestamp({ ...common(9), snapshotMeta }), [online]);
}

function makeMock() {
  // repo-mock's own entry point answers requests; what it answers with is made here
  const made = load('@tufjs/repo-mock/dist/repo.js').initializeTUFRepo([
    { name: 'file', content: Buffer.from('content') },
  ]);
  write('metadata/1.root.json', JSON.stringify(made.rootMeta.toJSON()));
}

(mock ? makeMock : make)();
