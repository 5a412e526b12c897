import { describe, expect, it } from 'vitest';
import { resolveHome } from '../../../../protocols/interface/home-path.ts';

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
