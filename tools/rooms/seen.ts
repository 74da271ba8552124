/**
 * What the guard finds in a file, before it is judged.
 *
 * @module
 */

import type { Place } from "./place.ts";

/** A node of the syntax tree; the runtime's own type leaves two out. */
export type Node =
  | Deno.lint.Node
  | Deno.lint.AccessorProperty
  | Deno.lint.TSParameterProperty;

/** One thing that a file does, and that the tables may forbid. */
export type Seen =
  | { readonly kind: "import"; readonly target: Place; readonly typesOnly: boolean }
  | {
    readonly kind: "runtime" | "globals" | "members" | "packages" | "texts";
    readonly name: string;
  }
  /** Something that hides from the guard what is imported or named; `what` says which. */
  | { readonly kind: "hidden"; readonly what: string };

/** Is called with what is found, and where. */
export type Tell = (seen: Seen, node: Deno.lint.Node) => void;

/** The text of a string literal, or of a template without expressions. */
export function literalText(node: Node): string | undefined {
  if (node.type === "Literal") return typeof node.value === "string" ? node.value : undefined;
  return node.type === "TemplateLiteral" && node.expressions.length === 0
    ? node.quasis[0]?.cooked
    : undefined;
}

/** The name of the member, `a.name`, `a["name"]`; undefined when it is computed. */
export function memberName(node: Deno.lint.MemberExpression): string | undefined {
  if (node.computed) return literalText(node.property);
  return node.property.type === "Identifier" ? node.property.name : undefined;
}
