/**
 * Finds which outside things a file names: globals, what the runtime offers, members, texts.
 *
 * @module
 */

import { globals } from "./rooms.ts";
import { isOwnName, parentOf } from "./scopes.ts";
import { literalText, memberName, type Node, type Seen, type Tell } from "./seen.ts";

const globalObjects: ReadonlySet<string> = new Set(["globalThis", "self", "window", "global"]);
const guarded: ReadonlySet<string> = new Set([
  "Deno",
  ...globalObjects,
  ...globals.flatMap(({ what }) => what),
]);

/** Finds the names and texts of a file. */
export function namesOf(tell: Tell): Deno.lint.LintVisitor {
  /** The name of a member or a property. A quoted one counts as a text anyway. */
  function key(name: string | undefined, isQuoted: boolean, node: Deno.lint.Node): void {
    if (name === undefined) return;
    tell({ kind: "members", name }, node);
    if (!isQuoted && /^[A-Z][A-Z0-9_]+$/.test(name)) tell({ kind: "texts", name }, node);
  }

  return {
    Identifier(node) {
      if (!guarded.has(node.name) || !isValue(node) || isOwnName(node, node.name)) return;
      tell(meantBy(node), node);
    },
    MemberExpression(node) {
      key(memberName(node), node.computed, node);
    },
    Property(node) {
      const { key: name, computed } = node;
      if (!computed && name.type === "Identifier") key(name.name, false, node);
      else key(literalText(name), true, node);
    },
    Literal(node) {
      if ("regex" in node && node.regex) {
        tell({ kind: "texts", name: node.regex.pattern.replaceAll("\\/", "/") }, node);
      } else if (typeof node.value === "string") tell({ kind: "texts", name: node.value }, node);
    },
    TemplateElement(node) {
      tell({ kind: "texts", name: node.cooked ?? node.raw }, node);
    },
  };
}

/** The thing itself, however it is reached: `globalThis.Deno.env`, `Deno["env"]` and `(self as any).Deno!.env` are `Deno.env`. */
function meantBy(node: Deno.lint.Identifier): Seen {
  let at: { readonly name: string; readonly node: Node } = { name: node.name, node };
  while (globalObjects.has(at.name)) {
    const member = memberOf(at.node);
    if (!member) return { kind: "globals", name: "globalThis" };
    at = member;
  }
  if (at.name !== "Deno") return { kind: "globals", name: at.name };
  const member = memberOf(at.node);
  return { kind: "runtime", name: member ? `Deno.${member.name}` : "Deno" };
}

/** The member that is taken of an expression; undefined if the expression as a whole goes elsewhere, or if the member is unknown. */
function memberOf(expression: Node): { readonly name: string; readonly node: Node } | undefined {
  let node = expression;
  let parent = parentOf(node);
  while (parent && isWrapper(parent)) [node, parent] = [parent, parentOf(parent)];
  if (parent?.type !== "MemberExpression" || parent.object !== node) return undefined;
  const name = memberName(parent);
  return name === undefined ? undefined : { name, node: parent };
}

/** Whether the node has the value of the one that it holds. */
function isWrapper({ type }: Node): boolean {
  return type === "TSAsExpression" || type === "TSNonNullExpression" ||
    type === "TSSatisfiesExpression" || type === "TSTypeAssertion" || type === "ChainExpression";
}

/** Whether the name stands for a value, and not for a key, a label, a type or the name of something in another module. */
function isValue(node: Deno.lint.Identifier): boolean {
  const parent = parentOf(node);
  switch (parent?.type) {
    case "MemberExpression":
      return parent.computed || parent.object === node;
    case "Property":
    case "PropertyDefinition":
    case "AccessorProperty":
    case "MethodDefinition":
      return parent.computed || parent.key !== node;
    case "ImportSpecifier":
    case "ExportSpecifier":
    case "ExportAllDeclaration":
    case "LabeledStatement":
    case "BreakStatement":
    case "ContinueStatement":
      return false;
    case "TSEnumMember":
      return parent.id !== node;
    case "TSExportAssignment":
    case "TSInstantiationExpression":
      return true;
    default:
      return parent !== undefined && (!parent.type.startsWith("TS") || isWrapper(parent));
  }
}
