import * as React from 'react';

import type { IVersion } from './api';
import { TrialForm } from './trying';
import type { Versions } from './versions';
import { useSignal } from './words';

const SHOWN = 5; // versions at first: the newest are what one looks for

interface IProps {
  versions: Versions;
  /** The version whose form is shown elsewhere. */
  above: string | undefined;
}

/** The versions that were deployed under the notebook's name, each with its proof. */
export function History({ versions, above }: IProps): JSX.Element {
  useSignal(versions.changed);
  const [all, setAll] = React.useState(false);
  const list = versions.list;
  return (
    <>
      <ul className="nbd-Versions">
        {(all ? list : list.slice(0, SHOWN)).map(each => (
          <li key={each.version} className="nbd-Version">
            <div className="nbd-Version-head">
              <span className="nbd-Version-number">{each.version}</span>
              {versions.aliasesOf(each).map(alias => (
                <span key={alias} className="nbd-Alias" data-alias={alias}>
                  {alias}
                </span>
              ))}
              <span className="nbd-Version-when">{when(each.deployed)}</span>
            </div>
            <VersionLinks versions={versions} version={each} />
            {versions.isTried(each) && each.version !== above && <TrialForm versions={versions} />}
          </li>
        ))}
      </ul>
      {list.length > SHOWN && !all && (
        <button type="button" className="nbd-Link nbd-More" onClick={() => setAll(true)}>
          all {list.length} versions
        </button>
      )}
    </>
  );
}

/** Try it, and what its deploy has left to be read. */
export function VersionLinks({
  versions,
  version
}: {
  versions: Versions;
  version: IVersion;
}): JSX.Element {
  const tried = versions.isTried(version);
  const { fail, pass } = version.gates;
  const address = (page: IVersion['pages'][number]) =>
    version.pages.includes(page)
      ? versions.source.address(version.name, version.version, page)
      : null;
  const named = `${version.name} ${version.version}`;
  return (
    <div className="nbd-Version-links">
      {version.bento_tag && (
        <button
          type="button"
          className="nbd-Button"
          aria-label={tried ? `Stop ${named}` : `Try ${named}`}
          onClick={() => void (tried ? versions.end() : versions.serve(version))}
        >
          {tried ? 'Stop' : 'Try it'}
        </button>
      )}
      <Page address={address('report.html')} title={`${pass} gates passed, ${fail} failed`}>
        report
      </Page>
      <Page address={address('validated.html')} title="the notebook as the deploy has run it">
        notebook
      </Page>
      <Page address={version.run?.url ?? null} title={`run ${version.run?.id} in MLflow`}>
        run
      </Page>
    </div>
  );
}

interface IPageProps {
  address: string | null;
  title: string;
  children: string;
}

function Page({ address, title, children }: IPageProps): JSX.Element | null {
  return address === null ? null : (
    <a className="nbd-Link" href={address} target="_blank" rel="noopener" title={title}>
      {children}
    </a>
  );
}

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86400],
  ['hour', 3600],
  ['minute', 60]
];

/** How long ago: `3 hours ago`; after a month the date. */
export function when(iso: string | null): string {
  const moment = iso === null ? NaN : Date.parse(iso);
  const seconds = (Date.now() - moment) / 1000;
  if (Number.isNaN(seconds)) {
    return '';
  }
  if (seconds > 30 * 86400) {
    return new Date(moment).toLocaleDateString();
  }
  const [unit, size] = UNITS.find(each => seconds >= each[1]) ?? ['second', 0];
  return size
    ? new Intl.RelativeTimeFormat('en', { numeric: 'always' }).format(
        -Math.floor(seconds / size),
        unit
      )
    : 'just now';
}
