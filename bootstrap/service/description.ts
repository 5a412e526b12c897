import type { ServiceSpec } from './types.ts';

/** In the first lines of every description that we made: without it, it is somebody else's. */
const MARKER = 'Made by cooee service install';

/** The head names a path: at most 4096 bytes, each escaped. */
const HEAD_LENGTH_MAX = 32_768;

/** The lines that a description begins with, without the signs of a comment. */
export function headLines(spec: ServiceSpec): readonly string[] {
  return [
    `${MARKER} (cooee ${spec.version}), which also changes it; cooee service remove removes it.`,
    // As JSON, so that no name of a folder can end the comment.
    `Home: ${JSON.stringify(spec.home).replaceAll('--', '\\u002d\\u002d')}`,
  ];
}

/** Whether a description was made by us. */
export function isOurs(text: string): boolean {
  return text.split('\n', 4).some((line) => line.includes(MARKER));
}

/** The home that a description of ours names. */
export function homeIn(text: string): string | undefined {
  const json = /^[# ]* Home: ("(?:[^"\\]|\\.)*")/mu.exec(text.slice(0, HEAD_LENGTH_MAX))?.[1];
  try {
    return json === undefined ? undefined : String(JSON.parse(json));
  } catch {
    // Somebody has edited it; what the manager runs is not changed by that.
    return undefined;
  }
}

/** Where an invite waits until the daemon has taken it: in the home, which is the owner's alone. */
export function inviteFile(home: string): string {
  return `${home}/service-invite`;
}

/** What the service runs: node, the script and its words. */
export function commandLine(spec: ServiceSpec): readonly [string, ...string[]] {
  return [spec.node, spec.script, 'up', '--home', spec.home, ...spec.words];
}
