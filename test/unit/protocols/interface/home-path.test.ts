import { describe, expect, it } from 'vitest';
import { mayBeHome, resolveHome } from '../../../../protocols/interface/home-path.ts';

const rows = [
  { id: 'flag first', flag: '/f', env: { COOEE_HOME: '/e' }, uid: 0, home: '/f' },
  { id: 'COOEE_HOME', env: { COOEE_HOME: '/e', XDG_STATE_HOME: '/x' }, uid: 0, home: '/e' },
  { id: 'empty COOEE_HOME', env: { COOEE_HOME: '' }, uid: 0, home: '/var/lib/cooee' },
  { id: 'root', env: { XDG_STATE_HOME: '/x' }, uid: 0, home: '/var/lib/cooee' },
  { id: 'XDG', env: { XDG_STATE_HOME: '/x/' }, uid: 5, home: '/x/cooee' },
  { id: 'relative XDG', env: { XDG_STATE_HOME: 'x' }, uid: 5, home: '/u/.local/state/cooee' },
  { id: 'empty XDG', env: { XDG_STATE_HOME: '' }, uid: 5, home: '/u/.local/state/cooee' },
  { id: 'default', env: {}, uid: -1, home: '/u/.local/state/cooee' },
];

describe('resolveHome', () => {
  it.each(rows)('$id', ({ flag, env, uid, home }) => {
    expect(resolveHome({ flag, env, uid, homedir: '/u' })).toBe(home);
  });
});

describe('mayBeHome', () => {
  const entries = (names: readonly string[]) =>
    names.map((it) => ({ name: it.replace('/', ''), isDirectory: () => it.endsWith('/') }));

  it.each([
    [],
    ['lost+found/'],
    ['FORMAT', 'notes of mine/'],
    ['node.key'],
    ['config.json'],
    ['config.json', 'pager-secret'],
    ['service-invite'],
    ['lock/', 'pid', 'machine', 'FORMAT.7-1.tmp'],
    ['lock/', 'restoring/'],
    ['restored-files/', 'mesh/'],
  ])('is true of a home and of what may become one: %j', (...names) => {
    expect(mayBeHome(entries(names))).toBe(true);
  });

  it.each([
    ['a file'],
    // /var and /run of Debian.
    ['backups/', 'lib/', 'lock/', 'log/', 'tmp/'],
    ['config.json', 'node_modules/'],
    ['mesh/', 'photos/'],
  ])('is false of a folder of other things: %j', (...names) => {
    expect(mayBeHome(entries(names))).toBe(false);
  });
});
