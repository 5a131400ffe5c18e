import { readFileSync } from 'node:fs';
import path from 'node:path';

/** A declaration: its text without comments and string literals, and the file that it is in. */
interface Declaration {
  readonly name: string;
  readonly file: string;
  readonly text: string;
}

interface Unit {
  /** Declared here, exported or not. */
  readonly declared: ReadonlyMap<string, string>;
  /** Imported from, or exported again of, another file of the package: the name here, and what it is there. */
  readonly foreign: ReadonlyMap<string, { readonly file: string; readonly name: string }>;
  /** What others may import. */
  readonly exported: ReadonlySet<string>;
}

const STATEMENT = /^(?:export |declare |import |interface |type |class |abstract )/;
const NAME = /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface|type|function|const) (\w+)/;
const COMMENT = /\/\*[\s\S]*?\*\/|\/\/.*$/gm;
const HIDDEN = /\/\*\*(?:(?!\*\/)[\s\S])*@internal[\s\S]*?\*\/[^;]*;/g;

/** Which names the signatures of a package use, read from its declarations (`.d.ts`). */
export class PublicNames {
  readonly #units = new Map<string, Unit>();

  /** What an entry exports, each as `name of file`. */
  exportedBy(entry: string): ReadonlySet<string> {
    const exported = [...this.#unit(entry).exported].map((name) => this.#resolve(entry, name));
    return new Set(exported.flatMap((one) => (one ? [idOf(one)] : [])));
  }

  /** What is named by the signatures of what an entry exports, and by the signatures of that, each as `name of file`. */
  reachableFrom(entry: string): ReadonlySet<string> {
    const reached = new Set<string>();
    const open = [...this.#unit(entry).exported].map((name) => ({ file: entry, name }));
    for (let next = open.pop(); next; next = open.pop()) {
      const found = this.#resolve(next.file, next.name);
      if (!found || reached.has(idOf(found))) continue;
      reached.add(idOf(found));
      for (const [name] of found.text.matchAll(/\b[A-Za-z_]\w*\b/g)) open.push({ file: found.file, name });
    }
    return reached;
  }

  /** Where a name that is used in a file is declared; nothing if it is none of the package's. */
  #resolve(file: string, name: string): Declaration | undefined {
    const unit = this.#unit(file);
    const text = unit.declared.get(name);
    if (text !== undefined) return { file, name, text };
    const foreign = unit.foreign.get(name);
    return foreign && this.#resolve(foreign.file, foreign.name);
  }

  #unit(file: string): Unit {
    const known = this.#units.get(file);
    if (known) return known;
    const unit = read(file);
    this.#units.set(file, unit);
    return unit;
  }
}

const idOf = ({ name, file }: Declaration): string => `${name} of ${file.split(path.sep).slice(-2).join('/')}`;

function read(file: string): Unit {
  const declared = new Map<string, string>();
  const foreign = new Map<string, { file: string; name: string }>();
  const exported = new Set<string>();
  for (const statement of statementsOf(readFileSync(file, 'utf8'))) {
    const list = /^(import|export)[^{]*\{([^}]*)\}(?: from '(\.[^']+)')?/.exec(statement);
    if (list && !NAME.test(statement)) {
      const [, keyword, names = '', from] = list;
      for (const { there, here } of namesIn(names)) {
        if (from)
          foreign.set(here, { file: path.join(path.dirname(file), from.replace(/\.js$/, '.d.ts')), name: there });
        if (keyword === 'export') exported.add(here);
      }
      continue;
    }
    const name = NAME.exec(statement)?.[1];
    if (name === undefined) continue;
    // Overloads of a function are statements of their own.
    const bare = statement.replace(/'[^'\n]*'/g, "''");
    declared.set(name, `${declared.get(name) ?? ''} ${bare}`);
    if (statement.startsWith('export')) exported.add(name);
  }
  return { declared, foreign, exported };
}

function statementsOf(source: string): string[] {
  const statements: string[] = [];
  for (const line of source.replace(HIDDEN, '').replace(COMMENT, '').split('\n')) {
    if (STATEMENT.test(line)) statements.push(line);
    else if (statements.length > 0) statements.push(`${statements.pop()}\n${line}`);
  }
  return statements;
}

const namesIn = (list: string): { there: string; here: string }[] =>
  list
    .split(',')
    .map((item) => item.trim().replace(/^type /, ''))
    .filter((item) => item !== '')
    .map((item) => {
      const [there = '', here = there] = item.split(' as ');
      return { there, here };
    });
