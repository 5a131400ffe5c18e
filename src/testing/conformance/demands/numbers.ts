/** 0 and the whole numbers after it. */
export const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
