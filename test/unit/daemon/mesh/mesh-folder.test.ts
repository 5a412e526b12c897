import { existsSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type MeshFile, MeshFolder } from '../../../../daemon/mesh/mesh-folder.ts';
import { temporaryFolders } from '../../storage/temporary-folder.ts';

// Goal: a home that goes from one mesh to another always knows of one of them. Method: real files,
// and what an end of the program leaves between two steps.

const newFolder = temporaryFolders();
const fileOf = (mesh: string): MeshFile => ({
  ...{ mesh, state: 'member', vouched: [], admittedIndex: 1, invite: null },
  anchor: {
    index: 1,
    root: '0'.repeat(64),
    voters: ['12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'],
  },
});

async function homeWith(mesh: string) {
  const home = await newFolder();
  const folder = new MeshFolder(home);
  await folder.save(fileOf(mesh));
  return { home, folder, meshOf: async () => (await new MeshFolder(home).load())?.mesh };
}

it('puts the prepared mesh in the place of the one before, which is kept', async () => {
  const { home, folder, meshOf } = await homeWith('old');
  await folder.prepare(fileOf('new'));
  expect(await meshOf()).toBe('old');
  const kept = await folder.replace('label');
  expect([await meshOf(), existsSync(join(kept, 'mesh.json'))]).toEqual(['new', true]);
  expect(readdirSync(home).sort()).toEqual(['mesh', 'old']);
});

it('finishes that at the next start when the program ended in between', async () => {
  const { home, folder, meshOf } = await homeWith('old');
  await folder.prepare(fileOf('new'));
  renameSync(join(home, 'mesh'), join(home, 'elsewhere'));
  expect(await meshOf()).toBe('new');
  expect(readdirSync(home).sort()).toEqual(['elsewhere', 'mesh']);
});

it('takes nothing that was prepared for the mesh that a host begins by itself', async () => {
  const { folder, meshOf } = await homeWith('old');
  await folder.prepare(fileOf('new'));
  await folder.setAside('label');
  expect(await meshOf()).toBeUndefined();
});
