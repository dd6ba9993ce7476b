// Preloaded into cunzhengd by node_fault_test: shifts the wall clock by the milliseconds that the file
// CLOCK_SHIM_FILE holds, and answers adjtimex as the second word of that file says (sync or unsync).
// Every other clock stays as it is.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static long long shift_ms;
static int synchronised = 1;

static void Reload(void) {
  const char* path = getenv("CLOCK_SHIM_FILE");
  if (path == NULL) return;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  char text[64];
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  if (length <= 0) return;
  text[length] = '\0';
  char word[16] = "";
  long long shift;
  if (sscanf(text, "%lld %15s", &shift, word) != 2) return;
  __atomic_store_n(&shift_ms, shift, __ATOMIC_RELAXED);
  __atomic_store_n(&synchronised, strcmp(word, "sync") == 0, __ATOMIC_RELAXED);
}

int clock_gettime(clockid_t id, struct timespec* now) {
  static int (*real)(clockid_t, struct timespec*);
  if (real == NULL) real = (int (*)(clockid_t, struct timespec*))dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(id, now);
  if (result != 0 || id != CLOCK_REALTIME) return result;
  Reload();
  long long ms = __atomic_load_n(&shift_ms, __ATOMIC_RELAXED);
  long long ns = now->tv_nsec + (ms % 1000) * 1000000;
  now->tv_sec += ms / 1000;
  if (ns < 0) {
    ns += 1000000000;
    now->tv_sec -= 1;
  } else if (ns >= 1000000000) {
    ns -= 1000000000;
    now->tv_sec += 1;
  }
  now->tv_nsec = ns;
  return 0;
}

int adjtimex(struct timex* query) {
  memset(query, 0, sizeof *query);
  Reload();
  if (__atomic_load_n(&synchronised, __ATOMIC_RELAXED)) return TIME_OK;
  query->status = STA_UNSYNC;
  return TIME_ERROR;
}
