import { VERSION } from '../base/version.js';
import { withoutTokens } from './credentials/visible-words.js';

/** The program: reads this process's command line and sets its exit code; it ends by itself when nothing is left. */
export async function main(): Promise<void> {
  const words = process.argv.slice(2);
  hideTokens(words);
  if (words.length === 1 && (words[0] === '--version' || words[0] === '-V')) {
    process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
      process.exitCode = code === 'EPIPE' ? 0 : 75;
    });
    process.stdout.write(`${VERSION}\n`);
    return;
  }
  const [{ processEnvironment }, { runProgram }] = await Promise.all([
    import('./process-environment.js'),
    import('./program.js'),
  ]);
  process.exitCode = await runProgram(words, { environment: processEnvironment(), version: VERSION });
}

/** Others on this host see the command line of every process: a token must not stay there. */
function hideTokens(words: readonly string[]): void {
  const visible = withoutTokens(words);
  if (visible === undefined) return;
  process.title = [process.argv0, process.argv[1], ...visible].join(' ');
  process.argv.splice(2, words.length, ...visible);
}
