import assert from "node:assert/strict";
import {
  type Command,
  commandOf,
  type CommandResult,
  parseCommand,
  type ProgramLookup,
} from "../../src/config/command.ts";
import { type Disk, errorsOf, machine, onlyCommandOf } from "../support/machine.ts";

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
  const result = parseCommand(text, lookup(os));
  return result.ok ? result.command : undefined;
}

function reason(result: CommandResult): string {
  assert.ok(!result.ok);
  return result.reason;
}

Deno.test("parseCommand() looks a bare name up on PATH and keeps the text as given", () => {
  assert.deepEqual(parse("octave"), {
    text: "octave",
    name: "octave",
    program: "/usr/bin/octave",
    args: [],
    found: true,
  });
});

Deno.test("parseCommand() splits arguments by shell quoting and expands nothing", () => {
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

Deno.test("parseCommand() takes a value that is itself the path of an executable as a whole", () => {
  assert.equal(parse("my tool/run it.sh")?.program, "/work/my tool/run it.sh");
  assert.deepEqual(parse("'my tool/run it.sh' x")?.args, ["x"]);
});

Deno.test("parseCommand() accepts a path without a file, but not a bare name that is not on PATH", () => {
  assert.deepEqual(parse("./gone -x"), {
    text: "./gone -x",
    name: "./gone",
    program: "/work/gone",
    args: ["-x"],
    found: false,
  });
  assert.equal(reason(parseCommand("gone -x", lookup())), "gone was not found on PATH");
  assert.equal(reason(commandOf(["gone"], lookup())), "gone was not found on PATH");
  assert.equal(
    reason(parseCommand("gone.exe", lookup("windows"))),
    "gone.exe was not found on PATH",
  );
});

Deno.test("parseCommand() does not search relative folders on PATH", () => {
  const relative = {
    ...lookup(),
    fileKind: () => "executable" as const,
    env: { PATH: ".:relative" },
  };
  assert.equal(reason(parseCommand("evil", relative)), "evil was not found on PATH");
});

Deno.test("parseCommand() rejects a quote that is not closed and a program without a name", () => {
  assert.equal(reason(parseCommand("octave 'x", lookup())), "a quote is not closed");
  assert.equal(reason(parseCommand('octave "x', lookup())), "a quote is not closed");
  assert.equal(reason(parseCommand('"" x', lookup())), "the program has no name");
});

Deno.test("parseCommand() on Windows takes a backslash literally and completes a name by PATHEXT", () => {
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

Deno.test("commandOf() writes the text of a command given as words in shell quoting", () => {
  const result = commandOf(["octave", "a b", ""], lookup());
  assert.ok(result.ok);
  const { command } = result;
  assert.equal(command.program, "/usr/bin/octave");
  assert.equal(command.text, "octave 'a b' ''");
  assert.deepEqual(parse(command.text)?.args, ["a b", ""], "the text means the same command");
});

Deno.test("JOBRUNNER_CMD, --cmd and -- reject a command that cannot run, unless its file may come later", () => {
  assert.deepEqual(errorsOf({ JOBRUNNER_CMD: "nothing-such -x" }), [
    "JOBRUNNER_CMD=nothing-such -x: must be a program and its arguments (nothing-such was not found on PATH)",
  ]);
  assert.deepEqual(errorsOf({}, ["--cmd=nothing-such"]), [
    "--cmd=nothing-such: must be a program and its arguments (nothing-such was not found on PATH)",
  ]);
  assert.deepEqual(errorsOf({}, ["--", "nothing-such"]), [
    "--: must be followed by a program and its arguments (nothing-such was not found on PATH): jobrunner serve -- PROGRAM ARG…",
  ]);
  assert.deepEqual(errorsOf({}, ["--"]), [
    "--: must be followed by a program and its arguments (the program has no name): jobrunner serve -- PROGRAM ARG…",
  ]);
  assert.deepEqual(errorsOf({ JOBRUNNER_CMD: "octave 'x" }), [
    "JOBRUNNER_CMD=octave 'x: must be a program and its arguments (a quote is not closed)",
  ]);
  assert.equal(onlyCommandOf({ JOBRUNNER_CMD: "./nothing" }).command.program, "/work/nothing");
});
