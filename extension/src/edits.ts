import type { INotebookModel } from '@jupyterlab/notebook';

import type { Edit, INewCell, ITextEdit } from './api';

export function isNewCell(edit: Edit): edit is INewCell {
  return 'before' in edit;
}

/** Where a line (from 1) and a column (from 0, in characters as Python counts them) stand in a text. */
export function offsetOf(source: string, line: number, column: number): number {
  const lines = source.split('\n');
  const before = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  const characters = [...(lines[line - 1] ?? '')].slice(0, column);
  return before + characters.join('').length;
}

/** Which cells, by their index, the edits of a fix are made in. */
export function cellsOf(edits: readonly Edit[]): number[] {
  return edits.map(each => (isNewCell(each) ? each.before : each.cell));
}

/** Make all edits of a fix, as one step of the notebook's own undo. */
export function applyEdits(model: INotebookModel, edits: readonly Edit[]): void {
  const texts = edits.filter((each): each is ITextEdit => !isNewCell(each));
  const added = edits.filter(isNewCell).sort((one, other) => other.before - one.before);
  // The last first: what was found by the check stands where it stood.
  texts.sort((one, other) => other.line - one.line || other.column - one.column);
  model.sharedModel.transact(() => {
    for (const each of texts) {
      const shared = model.sharedModel.getCell(each.cell);
      const source = shared.getSource();
      const start = offsetOf(source, each.line, each.column);
      shared.updateSource(start, offsetOf(source, each.end_line, each.end_column), each.text);
    }
    for (const each of added) {
      const metadata = {};
      model.sharedModel.insertCell(each.before, {
        cell_type: 'code',
        source: each.source,
        metadata
      });
    }
  });
}
