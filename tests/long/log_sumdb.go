// SPDX-License-Identifier: Apache-2.0

// What log_sumdb.py hands to Go's own implementation (golang.org/x/mod/sumdb): our keys, notes and
// proofs are read there, and what it signs is read here.
package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func read(name string) string {
	text, err := os.ReadFile(name)
	must(err)
	return strings.TrimSpace(string(text))
}

func hashes(lines []string) []tlog.Hash {
	var list []tlog.Hash
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		must(err)
		list = append(list, hash)
	}
	return list
}

func open(text string, verifier note.Verifier) (int64, tlog.Hash) {
	opened, err := note.Open([]byte(text+"\n"), note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	return size, hashes(lines[2:3])[0]
}

func main() {
	verifier, err := note.NewVerifier(read("log.vkey"))
	must(err)
	signer, err := note.NewSigner(read("log.key"))
	must(err)

	proof := strings.SplitN(read("proof"), "\n\n", 2)
	lines := strings.Split(proof[0], "\n")
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	must(err)
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	must(err)
	size, root := open(proof[1], verifier)
	must(tlog.CheckRecord(tlog.RecordProof(hashes(lines[3:])), size, root, index,
		tlog.RecordHash(entry)))

	age := strings.SplitN(read("age"), "\n\n", 2)
	oldSize, oldRoot := open(read("older"), verifier)
	newSize, newRoot := open(age[1], verifier)
	must(tlog.CheckTree(tlog.TreeProof(hashes(strings.Split(age[0], "\n")[1:])), newSize, newRoot,
		oldSize, oldRoot))

	text := fmt.Sprintf("%s\n%d\n%s\n", signer.Name(), newSize, newRoot)
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	must(err)
	must(os.WriteFile("signed", signed, 0644))
	fmt.Println("entry", index, "of", size, "then", newSize)
}
