#include <stdlib.h>
#include <string.h>

int first(const int *list, int n)
{
    int copy[4];
    for (int i = 0; i <= 4; i++)
        copy[i] = list[i % n];
    return copy[0];
}

char *duplicate(const char *text)
{
    char *copy = malloc(strlen(text) + 1);
    if (strlen(text) == 0)
        return NULL;
    strcpy(copy, text);
    return copy;
}
