/**
 * Finds what a file imports, in every way there is.
 *
 * @module
 */

import { placeOf } from "./place.ts";
import { literalText, memberName, type Tell } from "./seen.ts";

/** Finds the imports of the file with this path, which is relative to the project's folder. */
export function importsOf(path: string, tell: Tell): Deno.lint.LintVisitor {
  /** `names`: what is taken out of a package; without them, all of it. */
  function imported(
    specifier: string,
    node: Deno.lint.Node,
    typesOnly: boolean,
    names: readonly string[] = [],
  ): void {
    if (/^\.\.?\//.test(specifier)) {
      const target = placeOf(new URL(specifier, `file:///${path}`).pathname.slice(1));
      return tell({ kind: "import", target, typesOnly }, node);
    }
    const all = names.length ? names.map((name) => `${specifier}.${name}`) : [specifier];
    for (const name of all) tell({ kind: "packages", name }, node);
  }

  return {
    ImportDeclaration(node) {
      const { specifiers } = node;
      const areTypes = specifiers.length > 0 && specifiers.every(isType);
      const names = specifiers.flatMap((specifier) => nameOf(specifier) ?? []);
      imported(
        node.source.value,
        node,
        node.importKind === "type" || areTypes,
        names.length === specifiers.length ? names : [],
      );
    },
    ExportAllDeclaration(node) {
      imported(node.source.value, node, node.exportKind === "type");
    },
    ExportNamedDeclaration(node) {
      if (!node.source) return;
      const areTypes = node.specifiers.length > 0 && node.specifiers.every(isType);
      imported(node.source.value, node, node.exportKind === "type" || areTypes);
    },
    ImportExpression(node) {
      if (node.source.type === "Literal" && typeof node.source.value === "string") {
        imported(node.source.value, node, false);
      } else tell({ kind: "hidden", what: "import() of what is not a string literal" }, node);
    },
    TSImportType(node) {
      const { argument } = node;
      const specifier = argument.type === "TSLiteralType"
        ? literalText(argument.literal)
        : undefined;
      if (specifier !== undefined) imported(specifier, node, true);
    },
    MetaProperty(node) {
      if (node.meta.name !== "import") return;
      const { parent } = node;
      const member = parent.type === "MemberExpression" ? parent : undefined;
      const name = member && memberName(member);
      const file = member && name === "url" ? fileBeside(member) : undefined;
      if (file !== undefined) imported(file, node, false);
      else if (name !== "main") {
        tell({ kind: "globals", name: name ? `import.meta.${name}` : "import.meta" }, node);
      }
    },
  };
}

function isType(
  specifier: Deno.lint.ImportDeclaration["specifiers"][number] | Deno.lint.ExportSpecifier,
): boolean {
  if (specifier.type === "ImportSpecifier") return specifier.importKind === "type";
  return specifier.type === "ExportSpecifier" && specifier.exportKind === "type";
}

/** The name that a package has for it; undefined for the whole of it. */
function nameOf(specifier: Deno.lint.ImportDeclaration["specifiers"][number]): string | undefined {
  if (specifier.type !== "ImportSpecifier") return undefined;
  const { imported } = specifier;
  return imported.type === "Identifier" ? imported.name : imported.value;
}

/** The file of `new URL("file", import.meta.url)`, for its base. */
function fileBeside({ parent }: Deno.lint.MemberExpression): string | undefined {
  if (parent.type !== "NewExpression") return undefined;
  const { callee, arguments: [file] } = parent;
  if (callee.type !== "Identifier" || callee.name !== "URL") return undefined;
  return file?.type === "Literal" && typeof file.value === "string" ? file.value : undefined;
}
