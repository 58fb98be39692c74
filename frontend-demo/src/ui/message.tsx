/** What went wrong and what to do: as a page of its own, or as a strip above the content. */

import type { ComponentChildren } from 'preact';
import './message.css';

export interface PanelProps {
  title: string;
  children: ComponentChildren;
  actions?: ComponentChildren;
  testId?: string;
}

export function Panel({ title, children, actions, testId }: PanelProps) {
  return (
    <section class="panel" role="alert" data-testid={testId}>
      <h2 class="panel__title">{title}</h2>
      <div class="panel__text">{children}</div>
      {actions && <div class="panel__actions">{actions}</div>}
    </section>
  );
}

export interface BannerProps {
  tone: 'info' | 'warn' | 'bad';
  children: ComponentChildren;
  action?: ComponentChildren;
  testId?: string;
}

export function Banner({ tone, children, action, testId }: BannerProps) {
  return (
    <div class={`banner banner--${tone} no-print`} role="status" data-testid={testId}>
      <p>{children}</p>
      {action}
    </div>
  );
}
