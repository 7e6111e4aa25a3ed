import * as React from 'react';

import type { IPanel, IRow } from './panel';
import { ROLES } from './roles';
import type { Role } from './roles';

const KEYS: Record<string, Role | null> = {
  '1': 'preprocess',
  '2': 'predict',
  '3': 'test',
  '0': null,
  Delete: null,
  Backspace: null
};

const MEANINGS: Record<Role, string> = {
  preprocess: 'what a request goes through before the model',
  predict: 'what makes the answer',
  test: 'becomes a test of the package'
};

interface IProps {
  model: IPanel;
  rows: readonly IRow[];
}

/** The code cells as a list in which one selects, and the buttons that give the selected ones a role. */
export function Cells({ model, rows }: IProps): JSX.Element {
  const list = React.useRef<HTMLUListElement>(null);
  const active = rows.find(each => each.active);

  React.useEffect(() => {
    const shown = active && document.getElementById(domId(active.id));
    shown?.scrollIntoView({ block: 'nearest' });
  }, [active?.id]);

  const onKeyDown = (event: React.KeyboardEvent) => {
    if (onKey(event, model, model.rows)) {
      event.preventDefault();
      event.stopPropagation();
    }
  };

  const onClick = React.useCallback(
    (event: React.MouseEvent, id: string) => {
      list.current?.focus();
      if (event.shiftKey) {
        model.extendTo(id);
      } else if (event.ctrlKey || event.metaKey) {
        model.toggle(id);
      } else {
        void model.select(id);
      }
    },
    [model]
  );
  const onEdit = React.useCallback((id: string) => void model.edit(id), [model]);

  return (
    <>
      {model.editable && <RoleButtons model={model} rows={rows} />}
      <ul
        ref={list}
        className="nbd-Cells"
        role="listbox"
        aria-label="Code cells"
        aria-multiselectable="true"
        aria-activedescendant={active ? domId(active.id) : undefined}
        tabIndex={0}
        data-lm-suppress-shortcuts="true"
        onKeyDown={onKeyDown}
      >
        {rows.map(row => (
          <Row key={row.id} row={row} onClick={onClick} onEdit={onEdit} />
        ))}
      </ul>
    </>
  );
}

interface IRowProps {
  row: IRow;
  onClick: (event: React.MouseEvent, id: string) => void;
  onEdit: (id: string) => void;
}

const Row = React.memo(function Row({ row, onClick, onEdit }: IRowProps): JSX.Element {
  const worst = ['error', 'warning'].find(severity =>
    row.found.some(each => each.severity === severity)
  );
  const part = row.part?.part ?? null;
  return (
    <li
      id={domId(row.id)}
      className="nbd-Row"
      role="option"
      aria-selected={row.selected}
      data-active={row.active || undefined}
      data-part={part ?? undefined}
      title={row.part?.why ?? ''}
      onClick={event => onClick(event, row.id)}
      onDoubleClick={() => onEdit(row.id)}
    >
      <span className="nbd-Row-number">{row.index}</span>
      <span className="nbd-Row-source">{row.first || '(empty)'}</span>
      {worst && (
        <span
          className="nbd-Mark"
          data-severity={worst}
          role="img"
          aria-label={`has an ${worst}`}
        />
      )}
      {row.role !== null ? (
        <span className="nbd-Chip" data-role={row.role}>
          {row.role}
        </span>
      ) : (
        part !== null && <span className="nbd-Part">{part}</span>
      )}
    </li>
  );
});

function RoleButtons({ model, rows }: IProps): JSX.Element {
  const selected = rows.filter(each => each.selected);
  const roles = new Set(selected.map(each => each.role));
  const only = roles.size === 1 ? selected[0]?.role : undefined;
  return (
    <div className="nbd-Roles" role="group" aria-label="Role of the selected cells">
      {ROLES.map((role, at) => (
        <button
          key={role}
          type="button"
          className="nbd-Role"
          data-role={role}
          aria-pressed={only === role}
          disabled={!selected.length}
          title={`${MEANINGS[role]} (key ${at + 1} in the list)`}
          onClick={() => model.setRole(only === role ? null : role)}
        >
          {role}
        </button>
      ))}
      <button
        type="button"
        className="nbd-Role nbd-Role-none"
        aria-label="no role"
        disabled={!selected.some(each => each.role !== null)}
        title="no role (key 0 in the list)"
        onClick={() => model.setRole(null)}
      >
        ✕
      </button>
    </div>
  );
}

/** Do what a key means in the list; return whether it means anything. */
function onKey(event: React.KeyboardEvent, model: IPanel, rows: readonly IRow[]): boolean {
  const accel = event.ctrlKey || event.metaKey;
  if (accel && event.key.toLowerCase() === 'z') {
    event.shiftKey ? model.redo() : model.undo();
    return true;
  }
  if (accel && event.key.toLowerCase() === 'a' && rows.length) {
    void model.select(rows[0]!.id).then(() => model.extendTo(rows[rows.length - 1]!.id));
    return true;
  }
  if (accel || event.altKey) {
    return false;
  }
  const role = KEYS[event.key];
  if (role !== undefined) {
    model.setRole(role);
    return true;
  }
  const at = rows.findIndex(each => each.active);
  const row = rows[at];
  if ((event.key === 'Enter' || event.key === ' ') && row) {
    void model.edit(row.id);
    return true;
  }
  const next = rows[moved(event.key, at, rows.length)];
  if (next) {
    event.shiftKey ? model.extendTo(next.id) : void model.select(next.id);
  }
  return next !== undefined;
}

function moved(key: string, at: number, length: number): number {
  const to = {
    ArrowDown: Math.min(at + 1, length - 1),
    ArrowUp: Math.max(at - 1, 0),
    PageDown: Math.min(at + 10, length - 1),
    PageUp: Math.max(at - 10, 0),
    Home: 0,
    End: length - 1
  }[key];
  return to ?? -1;
}

function domId(id: string): string {
  return `nbd-cell-${id}`;
}
