const ERASED = '[erased]';
const TOKEN = /nmtk-\S*/gi;

/**
 * A command line without its join tokens: whatever follows `--token`, and whatever looks like one wherever it stands.
 * @returns undefined if there is none
 */
export function withoutTokens(words: readonly string[]): string[] | undefined {
  const erased = words.map((word, index) => {
    if (words[index - 1] === '--token') return ERASED;
    return word.replace(/^--token=.*/s, `--token=${ERASED}`).replace(TOKEN, ERASED);
  });
  return erased.some((word, index) => word !== words[index]) ? erased : undefined;
}
