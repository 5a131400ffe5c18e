/** A copy of an ASCII text that a decoder may have cut out of a frame: kept for long, it would keep the frame. */
export const unshared = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');
