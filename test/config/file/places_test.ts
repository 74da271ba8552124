import assert from "node:assert/strict";
import fc from "fast-check";
import { parse } from "smol-toml";
import { placesIn } from "../../../src/config/file/places.ts";
import type { ParseToml, TomlTable } from "../../../src/config/file/toml.ts";

const parseToml: ParseToml = (text) => parse(text, { integersAsBigInt: "asNeeded" }) as TomlTable;

function linesIn(text: string, ...paths: readonly string[][]): number[] {
  const places = placesIn(text, parseToml);
  return paths.map((path) => places.lineOf(path));
}

Deno.test("lineOf() finds tables, dotted keys, quoted names and keys of inline tables", () => {
  const text = [
    "# a comment",
    "a = 1",
    "",
    "[commands.pdf]",
    "env.A = 'x'",
    "env.\"B C\" = 'y'",
    '[commands."a b".c] # x = 1',
    "inline = { one = 1, two = { three = 3 } }",
    "  [ pools . x ]",
    "  'k' = 1",
    "__proto__ = 1",
    "constructor.toString = 1",
  ].join("\n");
  assert.deepEqual(
    linesIn(
      text,
      ["a"],
      ["commands"],
      ["commands", "pdf"],
      ["commands", "pdf", "env"],
      ["commands", "pdf", "env", "A"],
      ["commands", "pdf", "env", "B C"],
      ["commands", "a b"],
      ["commands", "a b", "c", "inline"],
      ["pools"],
      ["pools", "x", "k"],
      ["pools", "x", "__proto__"],
      ["pools", "x", "constructor", "toString"],
    ),
    [2, 4, 4, 5, 5, 6, 7, 8, 9, 10, 11, 12],
  );
  assert.deepEqual(linesIn("x = {\n  one = 1,\n  two = 2\n}\ny = 1", ["x", "two"], ["y"]), [1, 5]);
});

Deno.test("lineOf() returns the line of the table for a key that is not in it, and 1 without one", () => {
  const text = "a = 1\n[commands.pdf]\ncmd = 'x'\n[commands.pdf.env]\n[commands]\n";
  assert.deepEqual(
    linesIn(text, ["commands", "pdf", "umask"], ["commands", "x"], ["pools", "x"], []),
    [2, 2, 1, 1],
  );
});

Deno.test("lineOf() is not misled by text that looks like tables or keys, nor by CRLF", () => {
  const text = [
    "[commands.a]",
    'description = """',
    "[commands.b]",
    "cmd = 1 ]",
    '"""',
    "cmd = '''[x]",
    "y = { }",
    "'''",
    "inherit_env = [",
    '  "[commands.b]", # ]',
    "]",
    "[commands.b]",
    "cmd = 2",
  ];
  for (const newline of ["\n", "\r\n"]) {
    assert.deepEqual(
      linesIn(
        text.join(newline),
        ["commands", "a", "cmd"],
        ["commands", "a", "inherit_env"],
        ["commands", "b"],
        ["commands", "b", "cmd"],
      ),
      [6, 9, 12, 13],
      JSON.stringify(newline),
    );
  }
});

Deno.test("lineOf() finds keys behind arrays of tables, and the first of these", () => {
  const text = "[[a.b]]\nx = 1\n[[a.b]]\nx = 2\n[a.c]\ny = 1\n";
  assert.deepEqual(linesIn(text, ["a", "b"], ["a", "c"], ["a", "c", "y"]), [1, 5, 6]);
});

Deno.test("lineOf() finds every key of any document of tables, comments and long strings", () => {
  const value = fc.constantFrom(
    "1",
    "'x'",
    '"""\n[t0]\nk0 = 1\n"""',
    "[\n  1,\n]",
    "{ a = { b = 1 } }",
  );
  const filler = fc.constantFrom("", "# [t1]", "\t", "# '''");
  const statement = fc.tuple(filler, value, fc.boolean());
  fc.assert(fc.property(fc.array(statement, { maxLength: 30 }), (statements) => {
    const lines: string[] = [];
    const wanted: [string[], number][] = [];
    let table: string[] = [];
    statements.forEach(([filler, value, isTable], index) => {
      lines.push(filler);
      const key = `k${index}`;
      if (isTable) {
        table = [`t${index}`, "sub"];
        wanted.push([table, lines.length + 1]);
        lines.push(`[${table.join(".")}]`);
      }
      wanted.push([[...table, key], lines.length + 1]);
      lines.push(...`${key} = ${value}`.split("\n"));
    });
    const places = placesIn(lines.join("\n"), parseToml);
    for (const [path, line] of wanted) assert.equal(places.lineOf(path), line, path.join());
  }));
});

Deno.test("lineOf() takes about linear time, also for statements of very many lines", () => {
  for (
    const [text, path, line] of [
      [`a = """\n${"]\n".repeat(100_000)}"""\n`, ["a"], 1],
      [`a = [\n${"[1],\n".repeat(30_000)}]\n`, ["a"], 1],
      [`${"# comment\n".repeat(50_000)}a = 1`, ["a"], 50_001],
    ] as const
  ) assert.equal(placesIn(text, parseToml).lineOf(path), line);
});

Deno.test("isOctal() distinguishes the notations of one number, wherever it is", () => {
  const isOctal = (text: string, ...path: string[]) => placesIn(text, parseToml).isOctal(path);
  for (const octal of ["0o027", "0o0", "0o7", "0o1_7 # = 23", "0o777"]) {
    assert.ok(isOctal(`[a]\numask = ${octal}`, "a", "umask"), octal);
    assert.ok(isOctal(`a.umask=${octal}`, "a", "umask"), octal);
  }
  assert.ok(isOctal("b0o = { x = { 'umask' = 0o27, d = '= 0o7' } }", "b0o", "x", "umask"));
  for (const other of ["23", "0x17", "0b10111", "0", "23 # = 0o27", "23.0"]) {
    assert.ok(!isOctal(`umask = ${other}`, "umask"), other);
  }
  assert.ok(!isOctal("a = { x = 0o27, umask = 27 }", "a", "umask"));
  assert.ok(!isOctal("umask = '0o27'", "umask"));
  assert.ok(isOctal("a = { x = 0o777777777777777777777, umask = 0o27 }", "a", "umask"));
  assert.ok(!isOctal("", "umask"));
});
