import assert from "node:assert/strict";
import {
  type Command,
  commandOf,
  type CommandResult,
  parseCommand,
  type ProgramLookup,
} from "../../src/config/command.ts";
import { configOf, type Disk, faultsOf, machine } from "../support/machine.ts";

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

Deno.test("a path where nothing is stays a command, a bare name that PATH does not find is a fault", () => {
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

Deno.test("a relative folder on PATH is not searched", () => {
  const relative = {
    ...lookup(),
    fileKind: () => "executable" as const,
    env: { PATH: ".:relative" },
  };
  assert.equal(reason(parseCommand("evil", relative)), "evil was not found on PATH");
});

Deno.test("a quote that is not closed is a fault", () => {
  assert.equal(reason(parseCommand("octave 'x", lookup())), "a quote is not closed");
  assert.equal(reason(parseCommand('octave "x', lookup())), "a quote is not closed");
  assert.equal(reason(parseCommand('"" x', lookup())), "the program has no name");
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
  const result = commandOf(["octave", "a b", ""], lookup());
  assert.ok(result.ok);
  const { command } = result;
  assert.equal(command.program, "/usr/bin/octave");
  assert.equal(command.text, "octave 'a b' ''");
  assert.deepEqual(parse(command.text)?.args, ["a b", ""], "and that text means the same");
});

Deno.test("a command that cannot be run until a restart is a fault, one that may come later is not", () => {
  assert.deepEqual(faultsOf({ JOBRUNNER_CMD: "nothing-such -x" }), [
    "JOBRUNNER_CMD=nothing-such -x: must be a program and its arguments (nothing-such was not found on PATH)",
  ]);
  assert.deepEqual(faultsOf({}, ["--cmd=nothing-such"]), [
    "--cmd=nothing-such: must be a program and its arguments (nothing-such was not found on PATH)",
  ]);
  assert.deepEqual(faultsOf({}, ["--", "nothing-such"]), [
    "--: must be followed by a program and its arguments (nothing-such was not found on PATH): jobrunner serve -- PROGRAM ARG…",
  ]);
  assert.deepEqual(faultsOf({}, ["--"]), [
    "--: must be followed by a program and its arguments (the program has no name): jobrunner serve -- PROGRAM ARG…",
  ]);
  assert.deepEqual(faultsOf({ JOBRUNNER_CMD: "octave 'x" }), [
    "JOBRUNNER_CMD=octave 'x: must be a program and its arguments (a quote is not closed)",
  ]);
  assert.equal(configOf({ JOBRUNNER_CMD: "./nothing" }).work.command.program, "/work/nothing");
});
