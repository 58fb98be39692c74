/** A page whose code is loaded when it is first wanted, with something to see meanwhile and when that fails. */

import type { ComponentType, VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { strings } from '../strings';
import { Button } from '../ui/button';
import { Panel } from '../ui/message';

export function lazyPage<Props extends object>(
  load: () => Promise<ComponentType<Props>>,
  fallback: () => VNode,
): ComponentType<Props> {
  let loaded: ComponentType<Props> | undefined;
  return function LazyPage(props: Props) {
    const [page, setPage] = useState<{ component: ComponentType<Props> | undefined }>({ component: loaded });
    const [failed, setFailed] = useState(false);
    useEffect(() => {
      if (page.component !== undefined) return;
      load().then(
        (component) => {
          loaded = component;
          setPage({ component });
        },
        (error: unknown) => {
          console.error(error);
          setFailed(true);
        },
      );
    }, [page.component]);
    if (failed) return <LoadFailure />;
    if (page.component === undefined) return fallback();
    return <page.component {...props} />;
  };
}

function LoadFailure() {
  return (
    <Panel
      title={strings.failure.loadTitle}
      actions={
        <Button weight="primary" onClick={() => window.location.reload()}>
          {strings.banner.reload}
        </Button>
      }
    >
      <p>{strings.failure.loadText}</p>
    </Panel>
  );
}
