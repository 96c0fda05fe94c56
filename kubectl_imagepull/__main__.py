"""python -m kubectl_imagepull"""

from .cli.main import main

if __name__ == "__main__":
    main()
