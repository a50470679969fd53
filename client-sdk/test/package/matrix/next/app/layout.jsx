import { TickwireProvider } from '@tickwire/client/react';
import { connection } from 'next/server';

export default async function Layout({ children }) {
  await connection(); // The URL is that of the running process, not of the build.
  return (
    <html lang="en">
      <body>
        <TickwireProvider url={process.env.TICKWIRE_URL}>{children}</TickwireProvider>
      </body>
    </html>
  );
}
