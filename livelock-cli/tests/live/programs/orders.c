/* A program whose threads storm their descriptor table from functions with names. Ends after a minute. */
#include <pthread.h>
#include <unistd.h>

static int take_order(void)
{
	return dup(0); /* the line that is looked for */
}

static void *serve_orders(void *unused)
{
	for (;;) {
		int order = take_order();
		if (order >= 0)
			close(order);
	}
	return unused;
}

int main(void)
{
	pthread_t thread;
	alarm(60);
	for (int i = 0; i < 8; i++)
		pthread_create(&thread, 0, serve_orders, 0);
	pause();
	return 0;
}
