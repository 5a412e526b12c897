import { describe, expect, it } from 'vitest';
import { StandingBook } from '../../../protocols/membership/index.ts';
import { MeshState } from '../../../protocols/slurp/index.ts';
import { ADMIN, MEMBER, peerOf, STRANGER, TestMesh } from './mesh-fixture.ts';

describe('StandingBook', () => {
  it('tells members, removed ones and guests apart', () => {
    const mesh = new TestMesh();
    mesh.put(MEMBER, 'member', { removedIndex: 9 });
    const book = new StandingBook(mesh.state);
    expect([ADMIN, MEMBER, STRANGER, '__proto__'].map((peer) => book.standing(peer))).toEqual([
      'member',
      'removed',
      'guest',
      'guest',
    ]);
  });

  it('takes those whom the invite names for members while there is no list', () => {
    const book = new StandingBook(new MeshState(), [ADMIN]);
    expect([ADMIN, STRANGER].map((peer) => book.standing(peer))).toEqual(['member', 'guest']);
  });

  it('goes on with them half-way through the log, until this node stands in the list', () => {
    const self = peerOf(40);
    const mesh = new TestMesh();
    const book = new StandingBook(mesh.state, [STRANGER, MEMBER], self);
    expect(book.standing(STRANGER)).toBe('member');
    mesh.put(MEMBER, 'member', { removedIndex: 9 });
    expect(book.standing(MEMBER)).toBe('removed');
    mesh.put(self, 'member');
    expect(book.standing(STRANGER)).toBe('guest');
    mesh.put(self, 'member', { removedIndex: 12 });
    expect(book.standing(STRANGER)).toBe('guest');
  });

  it('goes by the list alone when it is not told who it is', () => {
    const book = new StandingBook(new TestMesh().state, [STRANGER]);
    expect(book.standing(STRANGER)).toBe('guest');
  });

  it('knows nobody any more once this node is out, and tells the doors of every member', () => {
    const book = new StandingBook(new TestMesh().state, [STRANGER], peerOf(40));
    const heard: string[] = [];
    book.onChange((peer) => heard.push(`${peer} ${book.standing(peer)}`));
    book.close();
    expect(heard).toContain(`${ADMIN} removed`);
    expect(heard).toHaveLength(3);
    expect(book.standing(STRANGER)).toBe('removed');
  });

  it('tells its listeners of changes until they leave', () => {
    const book = new StandingBook(new MeshState());
    const heard: string[] = [];
    const leave = book.onChange((peer) => heard.push(`a ${peer}`));
    book.onChange((peer) => heard.push(`b ${peer}`));
    book.changed('x');
    leave();
    book.changed('y');
    expect(heard).toEqual(['a x', 'b x', 'b y']);
  });
});
