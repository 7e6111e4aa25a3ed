import type { ICellModel } from '@jupyterlab/cells';

export const ROLES = ['preprocess', 'predict', 'test'] as const;
export type Role = (typeof ROLES)[number];

const MAGIC = /^(\s*)%%(preprocess|predict|test)\b[^\n]*(\n|$)/;

export function isRole(value: unknown): value is Role {
  return ROLES.some(role => role === value);
}

export function tagsOf(cell: ICellModel): string[] {
  const tags: unknown = cell.getMetadata('tags');
  return Array.isArray(tags) ? tags.filter(tag => typeof tag === 'string') : [];
}

/** The role that a cell's first line gives it: `%%predict`. */
export function magicRole(source: string): Role | null {
  const role = MAGIC.exec(source)?.[2];
  return isRole(role) ? role : null;
}

export function roleOf(cell: ICellModel): Role | null {
  if (cell.type !== 'code') {
    return null;
  }
  return magicRole(cell.sharedModel.getSource()) ?? tagsOf(cell).find(isRole) ?? null;
}

/** The tags with one role in the place of the others: foreign tags and their order stay. */
export function tagsWith(tags: readonly string[], role: Role | null): string[] {
  const kept = tags.filter(tag => !isRole(tag));
  return role === null ? kept : [...kept, role];
}

/**
 * Give a code cell a role, or take its role away.
 *
 * A role that stands on the first line as a magic is changed there, so that the cell never has two.
 */
export function setRole(cell: ICellModel, role: Role | null): void {
  if (cell.type !== 'code' || roleOf(cell) === role) {
    return;
  }
  const magic = MAGIC.exec(cell.sharedModel.getSource());
  if (magic) {
    const line = role === null ? '' : `${magic[1]}%%${role}${magic[3]}`;
    cell.sharedModel.updateSource(0, magic[0].length, line);
  }
  const tags = tagsWith(tagsOf(cell), magic ? null : role);
  if (tags.length) {
    cell.setMetadata('tags', tags);
  } else {
    cell.deleteMetadata('tags');
  }
}
