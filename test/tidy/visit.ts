import * as ast from 'typescript/unstable/ast';
import type {
  CallFact,
  ExportFact,
  Facts,
  FunctionFact,
  ImportFact,
  PropertyFact,
  UseFact,
} from './facts.ts';
import type { Source } from './source.ts';

/**
 * Names whose free use is recorded; a name that the file declares anywhere is taken for its own.
 */
const WATCHED = new Set([
  'Date',
  'fetch',
  'globalThis',
  'performance',
  'process',
  'queueMicrotask',
  'setImmediate',
  'setInterval',
  'setTimeout',
]);

interface Collector {
  readonly imports: ImportFact[];
  readonly functions: FunctionFact[];
  readonly exports: ExportFact[];
  readonly uses: UseFact[];
  readonly calls: CallFact[];
  readonly texts: UseFact[];
  readonly properties: PropertyFact[];
  readonly declared: Set<string>;
  readonly documented: Set<string>;
  readonly lineAt: (position: number) => number;
}

/** Walks one parsed file and writes down what the rules look at. */
export function visitFile(source: Source, file: ast.SourceFile): Facts {
  const found: Collector = {
    imports: [],
    functions: [],
    exports: [],
    uses: [],
    calls: [],
    texts: [],
    properties: [],
    declared: new Set(),
    documented: new Set(),
    lineAt: (position) => file.getLineAndCharacterOfPosition(position).line + 1,
  };
  const visit = (node: ast.Node): undefined => {
    inspect(node, found);
    node.forEachChild(visit);
    return undefined;
  };
  visit(file);
  const lines = source.text.split('\n');
  return {
    path: source.path,
    text: source.text,
    lineCount: lines.at(-1) === '' ? lines.length - 1 : lines.length,
    imports: found.imports,
    functions: found.functions,
    exports: found.exports.map((fact) => ({
      ...fact,
      isDocumented: fact.isDocumented || isDocumentedHere(fact, found),
    })),
    uses: found.uses.filter((use) => !found.declared.has(use.name)),
    calls: found.calls,
    texts: found.texts,
    properties: found.properties,
  };
}

/** A list `export { a }` and a second overload take the comment of the declaration. */
function isDocumentedHere(fact: ExportFact, found: Collector): boolean {
  return fact.from === undefined && found.documented.has(fact.original);
}

function inspect(node: ast.Node, found: Collector): void {
  const line = found.lineAt(node.getStart());
  if (node.kind === ast.SyntaxKind.AsyncKeyword) found.uses.push({ name: 'async', line });
  if (node.kind === ast.SyntaxKind.AwaitKeyword) found.uses.push({ name: 'await', line });
  if (ast.isAwaitExpression(node)) found.uses.push({ name: 'await', line });
  if (ast.isStringLiteral(node) || ast.isNoSubstitutionTemplateLiteral(node)) {
    found.texts.push({ name: node.text, line });
  }
  if (ast.isIdentifier(node)) inspectIdentifier(node, line, found);
  if (ast.isPropertyAccessExpression(node) && node.getText() === 'Math.random') {
    found.uses.push({ name: 'Math.random', line });
  }
  if (ast.isPropertyAssignment(node)) {
    found.properties.push({ name: node.name.getText(), line, comment: commentAbove(node) });
  }
  if (ast.isCallExpression(node)) inspectCall(node, line, found);
  if (ast.isFunctionLikeDeclaration(node)) inspectFunction(node, line, found);
  if (ast.isSourceFile(node.parent ?? node) && node.jsDoc !== undefined) {
    for (const name of declaredNames(node)) found.documented.add(name);
  }
  inspectImport(node, line, found);
  inspectExport(node, line, found);
}

function inspectIdentifier(node: ast.Identifier, line: number, found: Collector): void {
  const parent = node.parent as ast.Node & { name?: ast.Node; propertyName?: ast.Node };
  if (parent.propertyName === node) return;
  const isName = parent.name === node;
  const isAccess = ast.isPropertyAccessExpression(parent) || ast.isPropertyAssignment(parent);
  if (isName && !isAccess && !ast.isShorthandPropertyAssignment(parent)) {
    if (!isMember(parent)) found.declared.add(node.text);
    return;
  }
  if (isName && isAccess) return;
  if (ast.isTypeNode(parent) || ast.isQualifiedName(parent)) return;
  if (WATCHED.has(node.text)) found.uses.push({ name: node.text, line });
}

/** Members are reached through their object, so their names hide no global. */
function isMember(node: ast.Node): boolean {
  return (
    ast.isMethodDeclaration(node) ||
    ast.isPropertyDeclaration(node) ||
    ast.isPropertySignatureDeclaration(node) ||
    ast.isMethodSignatureDeclaration(node) ||
    ast.isGetAccessorDeclaration(node) ||
    ast.isSetAccessorDeclaration(node)
  );
}

function inspectCall(node: ast.CallExpression, line: number, found: Collector): void {
  const first = node.arguments[0];
  if (node.expression.kind === ast.SyntaxKind.ImportKeyword) {
    const specifier = first !== undefined && ast.isStringLiteral(first) ? first.text : '(computed)';
    found.imports.push({ specifier, line, isType: false, isDynamic: true });
    return;
  }
  const last = node.arguments.at(-1);
  found.calls.push({
    callee: dottedName(node.expression),
    line,
    endsInText:
      last !== undefined &&
      (ast.isStringLiteral(last) ||
        ast.isNoSubstitutionTemplateLiteral(last) ||
        ast.isTemplateExpression(last)),
    argumentCount: node.arguments.length,
  });
}

/** `it.skip` of `it.skip`, `it.each` of `it.each([…])` and of `it.each\`…\``; otherwise empty. */
function dottedName(node: ast.Node): string {
  if (ast.isIdentifier(node)) return node.text;
  if (ast.isPropertyAccessExpression(node)) {
    return `${dottedName(node.expression)}.${node.name.getText()}`;
  }
  if (ast.isCallExpression(node)) return dottedName(node.expression);
  if (ast.isTaggedTemplateExpression(node)) return dottedName(node.tag);
  return '';
}

function inspectFunction(node: ast.FunctionLikeDeclaration, line: number, found: Collector): void {
  if (!('body' in node) || node.body === undefined) return;
  const { parent } = node;
  const passedTo =
    ast.isCallExpression(parent) && parent.expression !== node
      ? dottedName(parent.expression)
      : undefined;
  const named = (node as { name?: ast.Node }).name ?? (parent as { name?: ast.Node }).name;
  found.functions.push({
    name: named?.getText() ?? passedTo ?? '(anonymous)',
    line,
    lineCount: found.lineAt(node.end) - line + 1,
    parameterCount: node.parameters.length,
    passedTo,
  });
}

function inspectImport(node: ast.Node, line: number, found: Collector): void {
  if (ast.isImportTypeNode(node)) {
    const specifier = node.argument.getText().slice(1, -1);
    found.imports.push({ specifier, line, isType: true, isDynamic: false });
  }
  if (ast.isImportDeclaration(node)) {
    const specifier = node.moduleSpecifier.getText().slice(1, -1);
    found.imports.push({ specifier, line, isType: isErased(node), isDynamic: false });
  }
  if (ast.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
    const specifier = node.moduleSpecifier.getText().slice(1, -1);
    const clause = node.exportClause;
    const isType =
      node.isTypeOnly ||
      (clause !== undefined && ast.isNamedExports(clause) && clause.elements.length > 0
        ? clause.elements.every((element) => element.isTypeOnly)
        : false);
    found.imports.push({ specifier, line, isType, isDynamic: false });
  }
}

function isErased(node: ast.ImportDeclaration): boolean {
  const clause = node.importClause;
  if (clause === undefined) return false;
  if (clause.phaseModifier === ast.SyntaxKind.TypeKeyword) return true;
  const bindings = clause.namedBindings;
  return (
    clause.name === undefined &&
    bindings !== undefined &&
    ast.isNamedImports(bindings) &&
    bindings.elements.length > 0 &&
    bindings.elements.every((element) => element.isTypeOnly)
  );
}

function inspectExport(node: ast.Node, line: number, found: Collector): void {
  if (ast.isExportDeclaration(node)) {
    const from = node.moduleSpecifier?.getText().slice(1, -1);
    const clause = node.exportClause;
    const base = { line, isDocumented: commentAbove(node) !== undefined, from };
    if (clause === undefined) found.exports.push({ ...base, name: '*', original: '*' });
    else if (ast.isNamedExports(clause)) {
      for (const element of clause.elements) {
        const name = element.name.getText();
        const original = element.propertyName?.getText() ?? name;
        found.exports.push({ ...base, name, original });
      }
    } else found.exports.push({ ...base, name: clause.name.getText(), original: '*' });
    return;
  }
  const { modifiers } = node as { modifiers?: readonly ast.Node[] };
  if (!modifiers?.some((modifier) => modifier.kind === ast.SyntaxKind.ExportKeyword)) return;
  const isDocumented = commentAbove(node) !== undefined;
  for (const name of declaredNames(node)) {
    found.exports.push({ name, line, isDocumented, from: undefined, original: name });
  }
}

function declaredNames(node: ast.Node): readonly string[] {
  if (ast.isVariableStatement(node)) {
    return node.declarationList.declarations.map((declaration) => declaration.name.getText());
  }
  return [(node as { name?: ast.Node }).name?.getText() ?? 'default'];
}

/** The text of the last `/** … *\/` block above a node, joined to one line. */
function commentAbove(node: ast.Node): string | undefined {
  const block = node.jsDoc?.at(-1);
  if (block === undefined) return undefined;
  return block
    .getText()
    .replace(/^\/\*\*|\*\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\*\s?/, '').trim())
    .filter((line) => line !== '')
    .join(' ');
}
