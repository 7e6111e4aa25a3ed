import * as React from 'react';

import type { ICellPart, ICheck } from './api';
import type { IPanel, IRow } from './panel';
import { Names, Words } from './words';

interface IProps {
  model: IPanel;
  check: ICheck;
  rows: readonly IRow[];
}

/** A cell that runs for every request: what comes to it, and what it reads that was frozen. */
interface IStation {
  row: IRow;
  takes: string[];
  frozen: { name: string; cell: number }[];
  glued: string[];
}

/** The way of a request from its input, at the top, to the answer. */
export function ServingPath({ model, check, rows }: IProps): JSX.Element {
  const stations = stationsOf(check, rows);
  return (
    <>
      <ol className="nbd-Path">
        <li className="nbd-Path-end">
          <span>request</span>
          <Names names={[check.input ?? '?']} />
        </li>
        {stations.map(each => (
          <li key={each.row.id} className="nbd-Station" data-role={each.row.role ?? undefined}>
            <button
              type="button"
              className="nbd-Station-cell"
              onClick={() => void model.select(each.row.id)}
            >
              <span className="nbd-Row-number">{each.row.index}</span>
              <span className="nbd-Row-source">{each.row.first}</span>
            </button>
            {each.takes.length > 0 && (
              <div className="nbd-Station-line">
                <span>takes</span> <Names names={each.takes} />
              </div>
            )}
            {each.glued.map(name => (
              <div key={name} className="nbd-Station-line">
                <span>binds</span>{' '}
                <code>
                  {name} = {check.bindings[name]}
                </code>
              </div>
            ))}
            {each.frozen.length > 0 && (
              <div className="nbd-Station-line">
                <span>frozen</span>{' '}
                {each.frozen.map(({ name, cell }) => (
                  <button
                    key={name}
                    type="button"
                    className="nbd-Frozen"
                    title={`made by cell ${cell}, kept as it is`}
                    onClick={() => {
                      const id = model.idAt(cell);
                      if (id !== null) {
                        void model.select(id);
                      }
                    }}
                  >
                    {name}
                    <span className="nbd-Frozen-cell">{cell}</span>
                  </button>
                ))}
              </div>
            )}
          </li>
        ))}
        <li className="nbd-Path-end">
          <span>answer</span>
          <Names names={[check.output ?? '?']} />
        </li>
      </ol>
      {check.assumed.length > 0 && (
        <p className="nbd-Hint">
          Assumed:{' '}
          {check.assumed.map((each, at) => (
            <React.Fragment key={each}>
              {at > 0 && '; '}
              <Words text={each} />
            </React.Fragment>
          ))}
        </p>
      )}
    </>
  );
}

function stationsOf(check: ICheck, rows: readonly IRow[]): IStation[] {
  const served = new Set(
    check.cells.filter(each => each.part === 'served').map(each => each.index)
  );
  const bound = Object.keys(check.bindings);
  return rows
    .filter(each => each.part?.part === 'served')
    .map(row => {
      const part: ICellPart = row.part!;
      const into = check.flow.filter(each => each.to === part.index);
      const names = into.flatMap(each => each.names);
      const takes = into
        .filter(each => served.has(each.from))
        .flatMap(each => each.names)
        .concat(check.input !== null && names.includes(check.input) ? [check.input] : []);
      const frozen = names
        .filter(name => name in check.frozen)
        .map(name => ({ name, cell: check.frozen[name]! }));
      const glued = bound.filter(name => part.refs.includes(name));
      return { row, takes: [...new Set(takes)], frozen: unique(frozen), glued };
    });
}

function unique(frozen: { name: string; cell: number }[]): { name: string; cell: number }[] {
  return [...new Map(frozen.map(each => [each.name, each])).values()];
}
