// SPDX-License-Identifier: Apache-2.0
// tuf-js as a host: node tuf_js_read.js MODULES FOLDER URL PATH... prints a line of JSON for each
// PATH; FOLDER/metadata/root.json is where its trust begins.
const [modules, folder, url, ...paths] = process.argv.slice(2);
const { createRequire } = require('module');
const { Updater } = createRequire(modules + '/x.js')('tuf-js');
const fs = require('fs');

async function main() {
  const updater = new Updater({
    metadataDir: folder + '/metadata',
    metadataBaseUrl: url + '/metadata',
    targetDir: folder + '/targets',
    targetBaseUrl: url + '/targets',
  });
  await updater.refresh();
  for (const path of paths) {
    const info = await updater.getTargetInfo(path);
    const file = info && (await updater.downloadTarget(info));
    console.log(JSON.stringify({ path, content: file ? fs.readFileSync(file, 'utf8') : null }));
  }
}

main().catch((error) => {
  console.error(`${error}`);
  process.exit(1);
});
