import type { ISignal } from '@lumino/signaling';
import * as React from 'react';

/** Draw the component anew whenever the signal tells that something has changed. */
export function useSignal(signal: ISignal<unknown, unknown>): void {
  const [, draw] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    signal.connect(draw);
    return () => {
      signal.disconnect(draw);
    };
  }, [signal]);
}

/** A message of nbdeploy: what stands between backticks is code. */
export function Words({ text }: { text: string }): JSX.Element {
  const parts = text.split('`');
  if (parts.length % 2 === 0) {
    return <>{text}</>;
  }
  return <>{parts.map((part, at) => (at % 2 ? <code key={at}>{part}</code> : part))}</>;
}

/** Names of variables, one beside the other. */
export function Names({ names }: { names: readonly string[] }): JSX.Element {
  return (
    <span className="nbd-Names">
      {names.map(name => (
        <code key={name}>{name}</code>
      ))}
    </span>
  );
}

interface ISectionProps {
  title: string;
  note?: React.ReactNode;
  children: React.ReactNode;
}

/** A part of the sidebar that can be folded. */
export function Section({ title, note, children }: ISectionProps): JSX.Element {
  return (
    <details className="nbd-Section" open>
      <summary>
        <span className="nbd-Section-title">{title}</span>
        {note !== undefined && <span className="nbd-Section-note">{note}</span>}
      </summary>
      {children}
    </details>
  );
}

export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
