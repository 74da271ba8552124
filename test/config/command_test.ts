import assert from "node:assert/strict";
import {
  type Command,
  commandOf,
  parseCommand,
  type ProgramLookup,
} from "../../src/config/command.ts";
import { type Disk, machine } from "../support/machine.ts";

const programs: Disk = {
  "/usr/bin/octave": "executable",
  "/work/my tool/run it.sh": "executable",
  "C:\\Windows\\System32\\cmd.EXE": "executable",
  "C:\\My Tools\\convert.bat": "executable",
};

function lookup(os = "linux"): ProgramLookup {
  const env = os === "windows"
    ? { PATH: "C:\\Windows\\System32;relative", PATHEXT: ".COM;.EXE;.BAT" }
    : { PATH: "/opt/none::relative:/usr/bin:/bin" };
  return { ...machine(programs, os), env };
}

function parse(text: string, os = "linux"): Partial<Command> | undefined {
  return parseCommand(text, lookup(os));
}

Deno.test("a bare name is looked up on PATH; its text stays as given", () => {
  assert.deepEqual(parse("octave"), {
    text: "octave",
    name: "octave",
    program: "/usr/bin/octave",
    args: [],
    found: true,
  });
});

Deno.test("arguments come in shell quoting, and nothing is expanded", () => {
  const command = parse(`octave --eval "disp('a b')" 'x "y"' c\\ d $HOME *.m ; | & ""`);
  assert.equal(command?.program, "/usr/bin/octave");
  assert.deepEqual(command?.args, [
    "--eval",
    "disp('a b')",
    'x "y"',
    "c d",
    "$HOME",
    "*.m",
    ";",
    "|",
    "&",
    "",
  ]);
});

Deno.test("a value that as a whole names an executable is taken whole", () => {
  assert.equal(parse("my tool/run it.sh")?.program, "/work/my tool/run it.sh");
  assert.deepEqual(parse("'my tool/run it.sh' x")?.args, ["x"]);
});

Deno.test("what is not there keeps its absolute path, a bare name has none", () => {
  assert.deepEqual(parse("./gone -x"), {
    text: "./gone -x",
    name: "./gone",
    program: "/work/gone",
    args: ["-x"],
    found: false,
  });
  assert.equal(parse("gone")?.program, undefined);
});

Deno.test("a relative folder on PATH is not searched", () => {
  assert.equal(
    parseCommand("evil", { ...lookup(), fileKind: () => "executable", env: { PATH: ".:relative" } })
      ?.program,
    undefined,
  );
});

Deno.test("a quote that is not closed is a fault", () => {
  assert.equal(parse("octave 'x"), undefined);
  assert.equal(parse('octave "x'), undefined);
  assert.equal(parse('"" x'), undefined, "a program has a name");
});

Deno.test("on Windows a backslash is literal and PATHEXT completes a name", () => {
  assert.equal(parse("cmd", "windows")?.program, "C:\\Windows\\System32\\cmd.EXE");
  assert.deepEqual(parse('"C:\\My Tools\\convert.bat" C:\\in\\new.txt', "windows"), {
    text: '"C:\\My Tools\\convert.bat" C:\\in\\new.txt',
    name: "C:\\My Tools\\convert.bat",
    program: "C:\\My Tools\\convert.bat",
    args: ["C:\\in\\new.txt"],
    found: true,
  });
  assert.equal(parse("C:\\My Tools\\convert", "windows")?.program, "C:\\My Tools\\convert.BAT");
});

Deno.test("a command given as words is told to itself in shell quoting", () => {
  const command = commandOf(["octave", "a b", ""], lookup());
  assert.equal(command.program, "/usr/bin/octave");
  assert.equal(command.text, "octave 'a b' ''");
  assert.deepEqual(parse(command.text)?.args, ["a b", ""], "and that text means the same");
});
