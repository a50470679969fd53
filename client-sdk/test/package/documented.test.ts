import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Node, SyntaxKind } from 'typescript/unstable/ast';
import {
  API,
  type Checker,
  type Symbol as NamedSymbol,
  type Project,
  SymbolFlags,
} from 'typescript/unstable/sync';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { folderForSuite } from '../../../test/support/folders.ts';

const TYPES = fileURLToPath(new URL('../../dist/cjs/types/client-sdk/src/', import.meta.url));
const INTERNAL_NAMES = new URL('../../../scripts/internal-names.json', import.meta.url);
const DOORS = ['index', 'react'].map((name) => join(TYPES, `${name}.d.ts`));

/** Names of times and durations. */
const TIME = /(^|[a-z])(Ms|Time|[Tt]imestamp)$|^time$/;

/** A public name such as `Subscriber.ready`, with its comment. */
interface PublicName {
  readonly path: string;
  readonly name: string;
  readonly comment: string;
}

const folder = folderForSuite();
let api: API;

beforeAll(async () => {
  api = new API();
});

afterAll(async () => {
  api.close();
});

test('every public name is documented', async () => {
  const names = await publicNames(DOORS);
  const paths = names.map(({ path }) => path);
  // Types that others mention are reached too.
  for (const path of ['connect', 'Subscriber.verify', 'Publisher', 'useSymbol', 'Anomaly.symbol']) {
    expect(paths).toContain(path);
  }
  expect(names.length).toBeGreaterThan(100);
  expect(undocumented(names)).toEqual([]);
  expect(withoutUnit(names)).toEqual([]);
  // Those are shortened in the builds.
  const internal: unknown[] = JSON.parse(await readFile(INTERNAL_NAMES, 'utf8'));
  expect(internal.length).toBeGreaterThan(20);
  expect(names.filter(({ name }) => internal.includes(name))).toEqual([]);
});

test('undocumented names are found', async () => {
  const door = join(folder, 'planted.d.ts');
  onTestFinished(() => rm(door));
  await writeFile(
    door,
    `interface Hidden {
      /** Known. */
      known: string;
      unknown: number;
    }
    /** A class. */
    export declare class Feed {
      #private;
      private readonly inner;
      constructor();
      constructor(first: string);
      /** A method. */
      told(): Hidden;
      untold(): void;
      get bare(): number;
      /** How long. */
      waitMs: number;
      /** How long, ms. */
      restMs: number;
      /** When. */
      lastUpdateTime: number;
      /***/
      empty: string;
    }
    /** One of two. */
    export type Either =
      | {
          /** Yes. */
          a: 1;
        }
      | { b: 2 };
    /** The first way. */
    export declare function call(a: string): void;
    export declare function call(a: number): void;
    export type Plain = string;
    declare const unreachable: number;
    export {};`,
  );
  const names = await publicNames([door]);
  expect(undocumented(names)).toEqual([
    'Either.b',
    'Feed.bare',
    'Feed.constructor',
    'Feed.empty',
    'Feed.untold',
    'Hidden',
    'Hidden.unknown',
    'Plain',
    'call',
  ]);
  expect(withoutUnit(names)).toEqual(['Feed.lastUpdateTime', 'Feed.waitMs']);
});

function undocumented(names: readonly PublicName[]): string[] {
  return names.filter(({ comment }) => !/\w/.test(comment)).map(({ path }) => path);
}

function withoutUnit(names: readonly PublicName[]): string[] {
  const times = names.filter(({ name, comment }) => TIME.test(name) && /\w/.test(comment));
  return times.filter(({ comment }) => !/\bms\b/i.test(comment)).map(({ path }) => path);
}

/** All exports of the modules, and all types mentioned in them, member by member. */
async function publicNames(doors: readonly string[]): Promise<PublicName[]> {
  const project = await open(doors);
  const found: PublicName[] = [];
  const queue = doors.flatMap((door) => exportsOf(project, door));
  const seen = new Set<number>();
  for (let symbol = queue.pop(); symbol !== undefined; symbol = queue.pop()) {
    if (seen.has(symbol.id)) continue;
    seen.add(symbol.id);
    for (const declaration of declarationsOf(symbol, project)) {
      found.push(...namesIn(symbol.name, declaration));
      queue.push(...mentionedIn(declaration, project.checker));
    }
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function open(files: readonly string[]): Promise<Project> {
  // A new file for each project: the compiler caches what it has read.
  const config = join(await mkdtemp(join(folder, 'project-')), 'tsconfig.json');
  const compilerOptions = {
    target: 'ES2022',
    module: 'NodeNext',
    lib: ['ES2023', 'DOM'],
    types: [],
    strict: true,
    noEmit: true,
  };
  await writeFile(config, JSON.stringify({ compilerOptions, files }));
  const project = api.updateSnapshot({ openProjects: [config] }).getProject(config);
  if (project === undefined) throw new Error('the compiler opened no project');
  onTestFinished(() => {
    api.updateSnapshot({ closeProjects: [config] });
  });
  return project;
}

function exportsOf({ program, checker }: Project, file: string): NamedSymbol[] {
  const source = program.getSourceFile(file);
  if (source === undefined) throw new Error(`${file} is not there: run npm run build`);
  const exported = checker.getSymbolAtLocation(source)?.getExports().values() ?? [];
  return [...exported].map((symbol) => target(symbol, checker));
}

function target(symbol: NamedSymbol, checker: Checker): NamedSymbol {
  return (symbol.flags & SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol);
}

/** The declarations of a symbol of this package. */
function declarationsOf(symbol: NamedSymbol, project: Project): Node[] {
  const own = symbol.declarations.filter(({ path }) => !path.includes('/node_modules/'));
  return own.flatMap((handle) => handle.resolve(project) ?? []);
}

const DECLARATIONS: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.ClassDeclaration,
  SyntaxKind.InterfaceDeclaration,
  SyntaxKind.TypeAliasDeclaration,
  SyntaxKind.FunctionDeclaration,
  SyntaxKind.VariableDeclaration,
]);
const MEMBERS: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.PropertyDeclaration,
  SyntaxKind.PropertySignature,
  SyntaxKind.MethodDeclaration,
  SyntaxKind.MethodSignature,
  SyntaxKind.GetAccessor,
  SyntaxKind.SetAccessor,
  SyntaxKind.Constructor,
]);

/** The declaration and its members, without nested types. */
function namesIn(name: string, declaration: Node): PublicName[] {
  if (!DECLARATIONS.has(declaration.kind)) return [];
  const isVariable = declaration.kind === SyntaxKind.VariableDeclaration;
  // The comment of a variable precedes its statement.
  const documented = isVariable ? declaration.parent.parent : declaration;
  const found = [{ path: name, name, comment: commentOf(documented) }];
  const isFunction = declaration.kind === SyntaxKind.FunctionDeclaration;
  if (isVariable || isFunction) return found;
  const visit = (node: Node): void => {
    if (!MEMBERS.has(node.kind)) {
      node.forEachChild(visit);
      return;
    }
    const member = memberName(node);
    if (member === undefined) return;
    found.push({ path: `${name}.${member}`, name: member, comment: commentOf(node) });
  };
  declaration.forEachChild(visit);
  return found;
}

/** The name of a member; undefined if it is private or needs no comment. */
function memberName(node: Node): string | undefined {
  const { name, modifiers, parameters } = node as {
    readonly name?: Node;
    readonly modifiers?: readonly Node[];
    readonly parameters?: readonly Node[];
  };
  if (modifiers?.some(({ kind }) => kind === SyntaxKind.PrivateKeyword)) return undefined;
  if (node.kind === SyntaxKind.Constructor) return parameters?.length ? 'constructor' : undefined;
  if (name === undefined || name.kind === SyntaxKind.PrivateIdentifier) return undefined;
  return name.getText();
}

/** The text of the comment before a node. */
function commentOf(node: Node): string {
  const { text } = node.getSourceFile();
  const comments = (node.jsDoc ?? []).map(({ pos, end }) => text.slice(pos, end));
  return comments.join('\n').replace(/^\/\*\*|\*\/$|^\s*\*(?!\/)/gm, '');
}

/** The symbols of this package that a declaration mentions, exported or not. */
function mentionedIn(declaration: Node, checker: Checker): NamedSymbol[] {
  const identifiers: Node[] = [];
  const visit = (node: Node): void => {
    if (isInternal(node)) return;
    if (node.kind === SyntaxKind.Identifier) identifiers.push(node);
    node.forEachChild(visit);
  };
  declaration.forEachChild(visit);
  return checker
    .getSymbolAtLocation(identifiers)
    .flatMap((symbol) => (symbol === undefined ? [] : [target(symbol, checker)]));
}

function isInternal(node: Node): boolean {
  return MEMBERS.has(node.kind) && memberName(node) === undefined;
}
