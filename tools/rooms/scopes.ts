/**
 * Whether a name is one of the file's own.
 *
 * @module
 */

import type { Node } from "./seen.ts";

/** Whether a function, a block or the file around the node declares the name for itself. */
export function isOwnName(node: Node, name: string): boolean {
  for (let scope: Node | undefined = node; scope; scope = parentOf(scope)) {
    if (declares(scope, name)) return true;
  }
  return false;
}

/** The node around a node; undefined for the file. */
export function parentOf(node: Node): Node | undefined {
  return "parent" in node ? node.parent : undefined;
}

function declares(scope: Node, name: string): boolean {
  switch (scope.type) {
    case "Program":
    case "BlockStatement":
      return scope.body.some((statement) => isDeclaredBy(statement, name));
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ArrowFunctionExpression":
    case "TSFunctionType":
      return scope.params.some((parameter) => binds(parameter, name));
    case "CatchClause":
      return scope.param !== null && binds(scope.param, name);
    case "ForStatement":
      return scope.init !== null && isDeclaredBy(scope.init, name);
    case "ForInStatement":
    case "ForOfStatement":
      return isDeclaredBy(scope.left, name);
    default:
      return false;
  }
}

function isDeclaredBy(statement: Node, name: string): boolean {
  switch (statement.type) {
    case "ExportNamedDeclaration":
      return statement.declaration !== null && isDeclaredBy(statement.declaration, name);
    case "VariableDeclaration":
      return statement.declarations.some(({ id }) => binds(id, name));
    case "FunctionDeclaration":
    case "ClassDeclaration":
      return statement.id?.name === name;
    case "ImportDeclaration":
      return statement.specifiers.some(({ local }) => local.name === name);
    default:
      return false;
  }
}

function binds(pattern: Node, name: string): boolean {
  switch (pattern.type) {
    case "Identifier":
      return pattern.name === name;
    case "AssignmentPattern":
      return binds(pattern.left, name);
    case "RestElement":
      return binds(pattern.argument, name);
    case "TSParameterProperty":
      return binds(pattern.parameter, name);
    case "ArrayPattern":
      return pattern.elements.some((element) => element !== null && binds(element, name));
    case "ObjectPattern":
      return pattern.properties.some((property) =>
        binds(property.type === "Property" ? property.value : property, name)
      );
    default:
      return false;
  }
}
