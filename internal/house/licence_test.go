package house

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// licences are those under which a module may go into the program: they let
// anybody use, change and pass on the whole under Apache-2.0. Each is known by
// sentences that its text must contain, white space and case aside.
var licences = []struct {
	name string
	says []string
}{
	{"Apache-2.0", []string{"apache license", "version 2.0, january 2004"}},
	{"Apache-2.0", []string{`licensed under the apache license, version 2.0 (the "license")`, "you may not use this file except in compliance with the license"}},
	{"MIT", []string{"permission is hereby granted, free of charge, to any person obtaining a copy", "without restriction"}},
	{"BSD", []string{"redistribution and use in source and binary forms, with or without modification, are permitted"}},
	{"ISC", []string{"permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted"}},
	{"ISC", []string{"permission to use, copy, modify, and distribute this software for any purpose with or without fee is hereby granted"}},
	{"MPL-2.0", []string{"mozilla public license version 2.0"}},
	{"MPL-2.0", []string{"mozilla public license, version 2.0", `1.1. "contributor" means`}},
}

// refused are words of licences that ask more of those who pass the program on.
var refused = []string{"gnu general public license", "gnu affero general public license", "gnu lesser general public license", "server side public license"}

// licenceOf names the licence of a text, empty if it is none of ours.
func licenceOf(text string) string {
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	for _, word := range refused {
		// The MPL-2.0 names them as secondary licences; it asks nothing.
		if strings.Contains(text, word) && !strings.Contains(strings.ReplaceAll(text, ",", ""), "mozilla public license version 2.0") {
			return ""
		}
	}
	for _, l := range licences {
		if !slices.ContainsFunc(l.says, func(s string) bool { return !strings.Contains(text, s) }) {
			return l.name
		}
	}
	return ""
}

func TestLicencesOfModules(t *testing.T) {
	modules := map[string]string{} // folder by path
	for _, system := range []string{"linux", "darwin", "windows"} {
		for path, dir := range modulesOf(t, system) {
			modules[path] = dir
		}
	}
	if len(modules) < 5 {
		t.Fatalf("found %d modules in the program: this test does not see its dependencies", len(modules))
	}
	count := map[string]int{}
	for path, dir := range modules {
		name := folderLicence(t, dir)
		count[name]++
		if name == "" {
			t.Errorf("module %s goes into the program, and none of its licence files is Apache-2.0, MIT, BSD, ISC or MPL-2.0: look for another module", path)
		}
	}
	t.Logf("%d modules go into the program: %v", len(modules), count)
}

// folderLicence names the licence in a module's folder, empty if none of ours.
func folderLicence(t *testing.T, dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		if e.IsDir() || !strings.HasPrefix(name, "LICEN") && !strings.HasPrefix(name, "COPYING") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if l := licenceOf(string(text)); l != "" {
			return l
		}
	}
	return ""
}

// modulesOf asks the go command which modules are compiled into the program
// for a system.
func modulesOf(t *testing.T, system string) map[string]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=Module", "./cmd/kith")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list for %s: %v\n%s", system, err, &said)
	}
	modules := map[string]string{}
	for in := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg struct {
			Module *struct {
				Path, Dir string
				Main      bool
			}
		}
		if err := in.Decode(&pkg); errors.Is(err, io.EOF) {
			return modules
		} else if err != nil {
			t.Fatal(err)
		}
		if pkg.Module != nil && !pkg.Module.Main && !isOurs(pkg.Module.Dir) {
			modules[pkg.Module.Path] = pkg.Module.Dir
		}
	}
}

// isOurs reports whether a module is one of this repository, which stands in
// for another.
func isOurs(dir string) bool {
	top, err := filepath.Abs(root)
	rel, relErr := filepath.Rel(top, dir)
	return err == nil && relErr == nil && filepath.IsLocal(rel)
}

func TestLicenceOf(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"                 Apache License\n           Version 2.0, January 2004", "Apache-2.0"},
		{"GNU GENERAL PUBLIC LICENSE\nVersion 3", ""},
		{"All rights reserved.", ""},
		{"Mozilla Public License, version 2.0\n\n1. Definitions\n\n1.1. \"Contributor\"\n\n     means each individual", "MPL-2.0"},
		{"Mozilla Public License Version 2.0 … GNU General Public License, Version 2.0", "MPL-2.0"},
	} {
		if got := licenceOf(test.text); got != test.want {
			t.Errorf("licenceOf(%q) = %q, want %q", test.text, got, test.want)
		}
	}
}
