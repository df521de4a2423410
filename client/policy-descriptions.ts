export const DESCRIPTIONS: Readonly<Record<string, string>> = {};
