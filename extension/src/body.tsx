import * as React from 'react';

import { Cells } from './cells';
import { DeployState, SettingsForm } from './deploying';
import { History } from './history';
import type { IPanel, IRow } from './panel';
import { Problems } from './problems';
import { ServingPath } from './servingPath';
import { Names, Section, Words, count, useSignal } from './words';

/** All that the panel shows. */
export function Body({ model }: { model: IPanel }): JSX.Element {
  useSignal(model.changed);
  useSignal(model.versions.changed);
  const scroll = React.useRef<HTMLDivElement>(null);
  const deploy = model.deploy?.id;
  React.useEffect(() => {
    if (deploy !== undefined) {
      scroll.current?.scrollTo({ top: 0 });
    }
  }, [deploy]);
  if (!model.path) {
    return (
      <p className="nbd-Empty">
        Open a notebook: its cells appear here, to be tagged and deployed as a service.
      </p>
    );
  }
  const rows = model.rows;
  const check = model.check;
  const selected = rows.filter(each => each.selected);
  const findings = model.findings;
  const path = check !== null && check.cells.some(each => each.part === 'served');
  const bar = <DeployBar model={model} />;
  return (
    <>
      {/* An output grows with what it shows: there the button stays beside the progress, at the top. */}
      {!model.editable && bar}
      <div ref={scroll} className="nbd-Scroll">
        {model.deploy ? (
          <Section title="Deploy">
            <DeployState model={model} deploy={model.deploy} />
          </Section>
        ) : (
          <Status model={model} rows={rows} />
        )}
        <Section title="Cells" note={count(rows.length, 'cell')}>
          <Cells model={model} rows={rows} />
          {selected.length === 1 && <CellPart row={selected[0]!} model={model} />}
        </Section>
        {findings.length > 0 && (
          <Section title="Findings" note={findings.length}>
            <Problems model={model} findings={findings} />
          </Section>
        )}
        {path && (
          <Section title="Serving path">
            <ServingPath model={model} check={check} rows={rows} />
          </Section>
        )}
        {model.versions.list.length > 0 && (
          <Section title="Versions" note={model.versions.list.length}>
            <History
              versions={model.versions}
              above={model.deploy?.state === 'done' ? model.deploy.answer?.version : undefined}
            />
          </Section>
        )}
        <Section title="Service">
          <SettingsForm model={model} />
        </Section>
      </div>
      {model.editable && bar}
    </>
  );
}

/** One sentence on where things stand, and what to do next. */
function Status({ model, rows }: { model: IPanel; rows: readonly IRow[] }): JSX.Element {
  const check = model.check;
  const errors = model.findings.filter(each => each.severity === 'error').length;
  const proposals = check?.proposals ?? [];
  let state = 'waiting';
  let words: React.ReactNode = 'Looking at the notebook…';
  if (model.checking === 'failed') {
    [state, words] = ['error', model.problem];
  } else if (check && !rows.some(each => each.role === 'predict')) {
    [state, words] = [
      'hint',
      model.editable
        ? 'Select the cell that makes the predictions, then press “predict”.'
        : 'Begin the cell that makes the predictions with %%predict, or tag it “predict”, and save.'
    ];
  } else if (check && errors) {
    [state, words] = ['error', `${count(errors, 'error')} to mend before a deploy`];
  } else if (check) {
    const warnings = model.findings.filter(each => each.severity === 'warning').length;
    const more = warnings ? `, with ${count(warnings, 'warning')}` : '';
    [state, words] = ['ok', `Ready to deploy${more}`];
  }
  return (
    <div className="nbd-Status" data-state={state} data-checking={model.checking}>
      <p role="status">{words}</p>
      {state === 'hint' && proposals.length > 0 && (
        <ul>
          {proposals.map(each => {
            const id = model.idAt(each.cell);
            return (
              <li key={each.cell}>
                <button
                  type="button"
                  className="nbd-Link"
                  title={each.why}
                  onClick={() => id !== null && void model.select(id)}
                >
                  cell {each.cell}
                </button>{' '}
                looks like {each.role}
              </li>
            );
          })}
        </ul>
      )}
    </div>
  );
}

/** What the one selected cell is for. */
function CellPart({ row, model }: { row: IRow; model: IPanel }): JSX.Element | null {
  const part = row.part;
  if (!part) {
    return null;
  }
  const flow = model.check?.flow ?? [];
  const names = (own: 'from' | 'to') => [
    ...new Set(flow.filter(each => each[own] === part.index).flatMap(each => each.names))
  ];
  const takes = names('to');
  const gives = names('from');
  return (
    <div className="nbd-CellPart">
      {part.part !== null && (
        <p>
          <b>{part.part}</b>: <Words text={part.why} />
        </p>
      )}
      {takes.length > 0 && (
        <p>
          <span>takes</span> <Names names={takes} />
        </p>
      )}
      {gives.length > 0 && (
        <p>
          <span>gives</span> <Names names={gives} />
        </p>
      )}
    </div>
  );
}

function DeployBar({ model }: { model: IPanel }): JSX.Element {
  const running = model.deploy?.state === 'running';
  const name = model.settings.name || model.likelyName;
  return (
    <div className="nbd-Bar">
      {running ? (
        <button type="button" className="nbd-Button" onClick={() => void model.cancelDeploy()}>
          Cancel
        </button>
      ) : (
        <button
          type="button"
          className="nbd-Button nbd-Primary"
          disabled={!model.predicts || model.starting || model.checking === 'failed'}
          title={`${model.editable ? 'saves the notebook,' : 'takes the notebook as it is saved,'} runs it in a fresh kernel, and proves the service before it is registered`}
          onClick={() => void model.startDeploy()}
        >
          {model.starting ? 'Saving…' : `Deploy ${name}`}
        </button>
      )}
    </div>
  );
}
