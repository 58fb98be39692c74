/** Catches what breaks while drawing, so that one broken part does not blank the page. */

import { Component, type ComponentChildren } from 'preact';
import { strings } from '../strings';
import { Button } from '../ui/button';
import { Panel } from '../ui/message';

interface Props {
  children: ComponentChildren;
}

interface State {
  error: unknown;
}

export class ErrorBoundary extends Component<Props, State> {
  override state: State = { error: undefined };

  override componentDidCatch(error: unknown): void {
    console.error(error);
    this.setState({ error });
  }

  override render({ children }: Props, { error }: State) {
    if (error === undefined) return children;
    return (
      <Panel
        title={strings.failure.title}
        testId="failure"
        actions={
          <>
            <Button weight="primary" onClick={() => this.setState({ error: undefined })}>
              {strings.failure.retry}
            </Button>
            <Button onClick={() => window.location.reload()}>{strings.banner.reload}</Button>
          </>
        }
      >
        <p>{strings.failure.text}</p>
      </Panel>
    );
  }
}
