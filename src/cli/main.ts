import { VERSION } from '../base/version.js';

/** The program: reads this process's command line and sets its exit code; it ends by itself when nothing is left. */
export async function main(): Promise<void> {
  const words = process.argv.slice(2);
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
