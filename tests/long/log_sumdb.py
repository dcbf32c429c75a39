#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
"""The public log against Go's own implementation: keys, notes and proofs, both ways.

Needs Debian's golang-go and golang-golang-x-mod-dev, which nothing else does.
"""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                "e2e"))
import offline  # pylint: disable=wrong-import-position

GO_SOURCES = "/usr/share/gocode"
DIGEST = "5e" * 32


def creance(*arguments):
    done = offline.creance(*arguments)
    offline.equal(done.returncode, 0, f"{' '.join(arguments[:2])}: {done.stderr}")
    return done.stdout


@offline.test
def go_believes_us_and_we_believe_go():
    if shutil.which("go") is None or not os.path.isdir(f"{GO_SOURCES}/src/golang.org/x/mod"):
        raise offline.Skip("no Go with golang.org/x/mod here (golang-golang-x-mod-dev)")
    folder = offline.Folder()
    key = creance("log", "keygen", "log.example/x", "--out", folder["log.key"])
    folder.put("log.vkey", key)
    folder.put("policy", f"log {key.strip()}\nquorum none\n")
    entry = folder.put("entry", "creance-log-entry/v1\nkind release\nname rules\nversion 7\n"
                       f"digest {DIGEST}\n")
    log, append = folder["log"], ["log", "append", folder["log"], "--key", folder["log.key"]]
    for count in (300, 77):
        creance(*append, *(word for _ in range(count) for word in ("--entry", entry)))
        if count == 300:
            creance("log", "prove", log, "--index", "299", "--out", folder["proof"])
            shutil.copy(folder["log/checkpoint"], folder["older"])
    creance("log", "prove", log, "--since", folder["older"], "--out", folder["age"])
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": GO_SOURCES,
                   "GOCACHE": folder["cache"]}
    done = subprocess.run(["go", "run", os.path.join(offline.ROOT, "tests/long/log_sumdb.go")],
                          cwd=folder.path, env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    offline.equal((done.returncode, done.stdout), (0, "entry 299 of 300 then 377\n"), "Go says")
    creance("log", "verify", "--policy", folder["policy"], folder["signed"])


offline.main()
