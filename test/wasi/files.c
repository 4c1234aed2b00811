/* Exercises wasi-libc's file functions; prints one line per finding, for programs.test.ts to compare. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void say(const char *what, int result) {
  printf("%s: %s\n", what, result < 0 ? strerror(errno) : "ok");
}

static void list(const char *path) {
  struct dirent **names;
  int n = scandir(path, &names, NULL, alphasort);
  printf("%s:", path);
  for (int i = 0; i < n; i++)
    printf(" %s%s", names[i]->d_name, names[i]->d_type == DT_DIR ? "/" : "");
  printf("\n");
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++)
    printf("arg %s\n", argv[i]);
  printf("HOME=%s\n", getenv("HOME"));

  FILE *f = fopen("data/new.txt", "w+");
  fprintf(f, "line %d\nline %d\n", 1, 2);
  fseek(f, 5, SEEK_SET);
  char buffer[64];
  printf("read back: %s", fgets(buffer, sizeof buffer, f));
  fclose(f);
  f = fopen("data/new.txt", "a");
  fputs("appended\n", f);
  printf("tell %ld\n", ftell(f));
  fclose(f);
  f = fopen("data/new.txt", "r");
  while (fgets(buffer, sizeof buffer, f))
    printf("> %s", buffer);
  fclose(f);

  say("mkdir", mkdir("data/dir", 0777));
  say("mkdir again", mkdir("data/dir", 0777));
  say("rename", rename("data/new.txt", "data/dir/moved.txt"));
  say("symlink", symlink("dir/moved.txt", "data/link"));
  say("link", link("data/dir/moved.txt", "data/hard"));
  struct stat st;
  say("stat", stat("data/link", &st));
  printf("size %lld, links %d\n", (long long)st.st_size, (int)st.st_nlink);
  say("lstat", lstat("data/link", &st));
  printf("is link %d\n", S_ISLNK(st.st_mode));
  memset(buffer, 0, sizeof buffer);
  say("readlink", (int)readlink("data/link", buffer, sizeof buffer));
  printf("-> %s\n", buffer);
  list("data");
  list("data/dir");

  say("outside", open("data/outside", O_RDONLY));
  say("up", open("data/../../secret", O_RDONLY));
  say("absolute", open("/etc/passwd", O_RDONLY));
  say("missing", open("data/missing", O_RDONLY));
  say("not a directory", open("data/hard/x", O_RDONLY));
  say("unlink directory", unlink("data/dir"));
  say("rmdir full", rmdir("data/dir"));
  say("unlink", unlink("data/dir/moved.txt"));
  say("rmdir", rmdir("data/dir"));

  int fd = open("data/hard", O_RDWR);
  say("ftruncate", ftruncate(fd, 4));
  say("pread", (int)pread(fd, buffer, 10, 1));
  say("fsync", fsync(fd));
  struct timespec times[2] = {{1, 0}, {2, 0}};
  say("futimens", futimens(fd, times));
  fstat(fd, &st);
  printf("size %lld, mtime %lld\n", (long long)st.st_size, (long long)st.st_mtim.tv_sec);
  close(fd);

  struct timespec nap = {0, 1000000};
  say("nanosleep", nanosleep(&nap, NULL));
  while (fgets(buffer, sizeof buffer, stdin))
    printf("stdin %s", buffer);
  printf("isatty %d\n", isatty(1));
  fprintf(stderr, "to stderr\n");
  exit(7);
}
