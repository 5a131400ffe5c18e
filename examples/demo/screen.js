// What the demo shows: plain lines, coloured where someone looks at a terminal.
const coloured = process.env.FORCE_COLOR || (process.stdout.isTTY && !process.env.NO_COLOR);
const paint = (code) => (text) => (coloured ? `\x1b[${code}m${text}\x1b[0m` : text);

export const bold = paint('1');
export const dim = paint('2');
export const red = paint('31');
export const green = paint('32');

export const say = (text = '') => console.log(text);
/** Where the progress bar of `netmgr map` stands, the line takes its place; the bar comes back by itself. */
export const interject = (text) => say(process.stderr.isTTY && process.stdout.isTTY ? `\r\x1b[2K${text}` : text);
export const step = (text) => say(`\n${bold(text)}`);
export const command = (words) => say(dim(`$ ${words.map(quoted).join(' ')}`));

const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
