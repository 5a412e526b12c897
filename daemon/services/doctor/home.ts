import { type DoctorLine, fail, ok, warn } from './line.ts';

const MODE_OF_OTHERS = 0o077;

/** A home as it lies in the file system. */
export interface HomeFacts {
  readonly path: string;
  /** Undefined when there is none yet. */
  readonly kind: 'folder' | 'link' | 'other' | undefined;
  readonly mode: number;
  readonly isOurs: boolean;
  /** Secrets that others may read. */
  readonly open: readonly string[];
  /** Path of the mesh's recovery key, while it lies here. */
  readonly recoveryKey: string | undefined;
}

/** Is the home there, ours, and closed to others? */
export function judgeHome(facts: HomeFacts): readonly DoctorLine[] {
  const { path, kind, mode, isOurs, open, recoveryKey } = facts;
  if (kind === undefined) {
    return [warn('home', `there is no ${path} yet`, 'The first start makes it: cooee up')];
  }
  if (kind !== 'folder') {
    const what = kind === 'link' ? 'a symbolic link' : 'no folder';
    return [fail('home', `${path} is ${what}`, 'Give the real folder with --home.')];
  }
  if (!isOurs) {
    const remedy = 'Run as its owner, or use another home with --home.';
    return [fail('home', `${path} belongs to another user`, remedy)];
  }
  return [
    (mode & MODE_OF_OTHERS) === 0
      ? ok('home', `${path} is yours alone`)
      : warn('home', `${path} has mode 0${mode.toString(8)}`, `chmod 700 ${path}`),
    ...open.map((file) => fail('home', `others may read ${file}`, `chmod 600 ${file}`)),
    ...(recoveryKey === undefined
      ? []
      : [
          warn(
            'recovery key',
            `the mesh's recovery key still lies on this host, in ${recoveryKey}`,
            'Keep it somewhere else, then delete the file: a copy of this home must not hold it.',
          ),
        ]),
  ];
}
