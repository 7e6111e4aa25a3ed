import * as React from 'react';

import type { IFinding, IPanel } from './panel';
import { Words } from './words';

interface IProps {
  model: IPanel;
  findings: readonly IFinding[];
}

/** What stands in the way of a deploy, each with its fix. */
export function Problems({ model, findings }: IProps): JSX.Element {
  return (
    <ul className="nbd-Problems">
      {findings.map((each, at) => (
        <li key={at} className="nbd-Problem" data-severity={each.severity}>
          <div className="nbd-Problem-head">
            <span className="nbd-Mark" data-severity={each.severity} aria-hidden="true" />
            <span className="nbd-Problem-code">
              {each.severity} {each.code}
            </span>
            {each.id !== null && (
              <button
                type="button"
                className="nbd-Link"
                onClick={() => void model.edit(each.id!, each.line ?? 1)}
              >
                cell {each.cell}
                {each.line !== null && `, line ${each.line}`}
              </button>
            )}
          </div>
          <p>
            <Words text={each.message} />
          </p>
          {each.fix && (
            <p className="nbd-Problem-fix">
              <Words text={each.fix} />
            </p>
          )}
          {model.editable && !!each.edits?.length && (
            <button
              type="button"
              className="nbd-Button"
              disabled={!model.canFix(each)}
              onClick={() => model.fix(each)}
            >
              Apply fix
            </button>
          )}
        </li>
      ))}
    </ul>
  );
}
