/**
 * Control, formatting, line-breaking, private and surrogate code points (Cc, Cf, Zl, Zp, Co, Cs of
 * Unicode 16). Spelled out, since `\p{…}` changes with the Unicode version of the runtime: reducers
 * check names, and two nodes on different versions of Node.js must not come to different answers.
 */
const INVISIBLE = [
  '\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890\\u0891\\u08e2\\u180e',
  '\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ud800-\\uf8ff\\ufeff\\ufff0-\\uffff',
  '\\u{110bd}\\u{110cd}\\u{13430}-\\u{1343f}\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{10ffff}',
].join('');

/** One character or more, and none that cannot be seen. */
export const PRINTABLE = new RegExp(`^[^${INVISIBLE}]+$`, 'u');
