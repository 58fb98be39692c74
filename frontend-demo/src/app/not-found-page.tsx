/** An address that leads nowhere. */

import { Link } from '../routing/link';
import { strings } from '../strings';
import { Panel } from '../ui/message';
import { useServices } from './services';

export function NotFoundPage({ title, text }: { title: string; text: string }) {
  const { router } = useServices();
  return (
    <main>
      <Panel
        title={title}
        testId="not-found"
        actions={
          <Link class="button button--plain" to={router.startPath}>
            {strings.notFound.home}
          </Link>
        }
      >
        <p>{text}</p>
      </Panel>
    </main>
  );
}
