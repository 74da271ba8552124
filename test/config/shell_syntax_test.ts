import assert from "node:assert/strict";
import fc from "fast-check";
import { join as joinQuoted } from "shlex";
import { shellSyntaxIn } from "../../src/config/shell_syntax.ts";

function found(text: string, { os = "linux", runsShell = false } = {}): string {
  return shellSyntaxIn(text, { os, runsShell }).join(" ");
}

Deno.test("shellSyntaxIn() finds each kind of shell syntax outside quotes once", () => {
  const cases: [string, string][] = [
    ["a | b | c", "|"],
    ["a|b", "|"],
    ["a || b", "|"],
    ["a >b 2>&1", ">"],
    ["a &> b", ">"],
    ["a <b", "<"],
    ["a && b", "&&"],
    ["a&&b", "&&"],
    ["a &", "&"],
    ["a & b", "&"],
    ["a; b", ";"],
    ["a `b`", "`…`"],
    ["a $NAME", "$NAME"],
    ["a --x=$_y", "$NAME"],
    ["a ${NAME}.png", "${NAME}"],
    ["a $(b) $((1))", "$(…)"],
    ["~/bin/a", "~"],
    ["a ~", "~"],
    ["a\t~bob/x", "~"],
    ["a $B | c > $D", "| > $NAME"],
  ];
  for (const [text, expected] of cases) assert.equal(found(text), expected, text);
});

Deno.test("shellSyntaxIn() finds nothing in ordinary words", () => {
  for (
    const text of [
      "/usr/local/bin/convert.sh -v --level=3 x,y @file 50% a#b a:b [0] *.m",
      "curl http://host/?a=1&b=2&c=3",
      "a&b",
      "a 2&",
      "a --price=$5.00 $9 US$ $ $$",
      "a b~ x~y --path=~/x HEAD~1 PROGRA~1",
      "",
    ]
  ) assert.equal(found(text), "", text);
});

Deno.test("shellSyntaxIn() ignores what stands between single quotes or after a backslash", () => {
  for (
    const text of [
      "sh -c 'a | b > c && d; e & `f` $G ${H} $(i) ~'",
      "a '~'/x ''~",
      "a \\| \\> \\< \\&\\& \\& \\; \\` \\$NAME \\~/x",
      "a $'b\\' | $C'",
      "a '\"' 'x | y' '\"'",
      `a "'" '| $B' "'"`,
    ]
  ) assert.equal(found(text), "", text);
  assert.equal(found("a '\\' | b"), "|", "a backslash does not escape within single quotes");
  assert.equal(found("a \\\\| b"), "|", "the backslash itself is escaped");
  assert.equal(found("a \\'$B\\'"), "$NAME", "an escaped quote quotes nothing");
});

Deno.test("shellSyntaxIn() finds between double quotes only what a shell expands there", () => {
  assert.equal(found('a "b | c > d < e && f ; g & ~"'), "");
  assert.equal(found('a "~"/x'), "");
  assert.equal(found(`a "'$B' \`c\` $(d) \${E}"`), "$NAME ${NAME} $(…) `…`");
  assert.equal(found('a "\\$B \\`c\\` \\" $"'), "");
  assert.equal(found('a "\\\\$B"'), "$NAME");
  assert.equal(found('a "$"B $"c"'), "", "a quote ends a name");
  assert.equal(found('a $ "b"'), "");
});

Deno.test("shellSyntaxIn() ignores what stands between double quotes when the command is a shell", () => {
  assert.equal(found('sh -c "a | $B `c`"', { runsShell: true }), "");
  assert.equal(found('sh -c "a" $B | c', { runsShell: true }), "| $NAME");
});

Deno.test("shellSyntaxIn() takes a backslash literally on Windows", () => {
  const windows = (text: string) => found(text, { os: "windows" });
  assert.equal(windows("C:\\a b\\c.exe C:\\x\\$5"), "");
  assert.equal(windows('"C:\\Program Files (x86)\\c.exe" C:\\PROGRA~1\\x \\\\host\\c$'), "");
  assert.equal(windows("C:\\a.exe \\| b"), "|");
  assert.equal(windows("C:\\a.exe \\$NAME"), "$NAME");
  assert.equal(windows('"C:\\a\\" | b'), "|", "the quote is not escaped");
});

Deno.test("shellSyntaxIn() finds nothing in a command given as words, since all of it is quoted", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: fc.constantFrom(..."a~|<>&;`${}()'\"\\ \t\n") })),
      fc.constantFrom("linux", "windows"),
      (words, os) => assert.equal(found(joinQuoted(words), { os }), ""),
    ),
    { numRuns: 2000 },
  );
});
