import type { Cell, ICellModel } from '@jupyterlab/cells';
import { HTMLSelect, ReactWidget } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';
import * as React from 'react';

import { ROLES, isRole, roleOf, setRole } from './roles';
import { useSignal } from './words';

/** The role of one cell as a menu in its toolbar; nothing for cells that hold no code. */
export function roleMenu(cell: Cell): Widget {
  if (cell.model.type !== 'code') {
    const none = new Widget();
    none.hide();
    return none;
  }
  const menu = ReactWidget.create(<RoleMenu model={cell.model} />);
  menu.addClass('nbd-RoleMenu');
  return menu;
}

function RoleMenu({ model }: { model: ICellModel }): JSX.Element {
  useSignal(model.metadataChanged);
  useSignal(model.contentChanged);
  const role = roleOf(model);
  return (
    <HTMLSelect
      aria-label="Role of this cell"
      title="what this cell is for, when the notebook is deployed"
      value={role ?? ''}
      data-role={role ?? undefined}
      onChange={event => {
        const said = event.target.value;
        // A change of the notebook, so that its own undo takes it back.
        const change = () => setRole(model, isRole(said) ? said : null);
        model.sharedModel.notebook?.transact(change);
      }}
    >
      <option value="">no role</option>
      {ROLES.map(each => (
        <option key={each} value={each}>
          {each}
        </option>
      ))}
    </HTMLSelect>
  );
}
