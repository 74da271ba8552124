/**
 * Finds code that hides something from the other parts of the guard.
 *
 * @module
 */

import type { Tell } from "./seen.ts";

/** Finds what is hidden in a file with this source. */
export function hiddenIn(source: Deno.lint.SourceCode, tell: Tell): Deno.lint.LintVisitor {
  /** The linter (Deno 2.7.11 and 2.9.6) leaves out an empty statement and all that follows it in the same list. */
  function list(node: Deno.lint.Node, statements: readonly Deno.lint.Node[], start: number): void {
    const from = statements.at(-1)?.range[1] ?? start;
    if (withoutComments(source, from, node.range[1]).includes(";")) {
      tell({ kind: "hidden", what: "an empty statement, and what follows it" }, node);
    }
  }

  /** A declaration for the compiler only makes a name look like one of the file's own. */
  function declaration(node: Deno.lint.Node): void {
    if (source.getText(node).startsWith("declare ")) {
      tell({ kind: "hidden", what: "a declaration for the compiler only" }, node);
    }
  }

  return {
    Program: (node) => list(node, node.body, node.range[0]),
    BlockStatement: (node) => list(node, node.body, node.range[0]),
    SwitchCase: (node) => list(node, node.consequent, node.test?.range[1] ?? node.range[0]),
    ClassDeclaration: declaration,
    TSDeclareFunction: declaration,
    TSEnumDeclaration: declaration,
    VariableDeclaration: declaration,
    TSModuleDeclaration(node) {
      tell({ kind: "hidden", what: "a namespace or a module declaration" }, node);
    },
    TSImportEqualsDeclaration(node) {
      tell({ kind: "hidden", what: "import … = …" }, node);
    },
  };
}

function withoutComments(source: Deno.lint.SourceCode, from: number, to: number): string {
  const text = source.text.slice(from, to);
  if (!text.includes(";")) return "";
  const inside = source.getAllComments().filter(({ range }) => range[0] >= from && range[1] <= to);
  return inside.reduceRight(
    (left, { range }) => left.slice(0, range[0] - from) + left.slice(range[1] - from),
    text,
  );
}
