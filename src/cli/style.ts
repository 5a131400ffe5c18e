import type { Terminal } from './environment.js';

type Paint = (text: string) => string;

/** The few roles that colour plays. */
export interface Style {
  readonly coloured: boolean;
  readonly good: Paint;
  readonly warning: Paint;
  readonly bad: Paint;
  readonly faint: Paint;
  readonly strong: Paint;
}

const plain: Paint = (text) => text;
export const PLAIN: Style = { coloured: false, good: plain, warning: plain, bad: plain, faint: plain, strong: plain };

/** How many colours: 0 to 3, by `FORCE_COLOR`, `NO_COLOR`, and whether it is a terminal, in this order. */
export function colourLevel(
  stream: Pick<Terminal, 'isTTY'>,
  variables: Readonly<Record<string, string | undefined>>,
): 0 | 1 | 2 | 3 {
  const forced = variables['FORCE_COLOR'];
  if (forced === '0' || forced === 'false') return 0;
  if (forced === '2' || forced === '3') return forced === '2' ? 2 : 3;
  if (forced !== undefined) return 1;
  if (variables['NO_COLOR'] !== undefined && variables['NO_COLOR'] !== '') return 0;
  if (stream.isTTY !== true || variables['TERM'] === 'dumb') return 0;
  return 1;
}

/** chalk is loaded only if there is something to colour. */
export async function styleFor(
  stream: Pick<Terminal, 'isTTY'>,
  variables: Readonly<Record<string, string | undefined>>,
): Promise<Style> {
  const level = colourLevel(stream, variables);
  if (level === 0) return PLAIN;
  const { Chalk } = await import('chalk');
  const chalk = new Chalk({ level });
  return {
    coloured: true,
    good: chalk.green,
    warning: chalk.yellow,
    bad: chalk.red,
    faint: chalk.dim,
    strong: chalk.bold,
  };
}
